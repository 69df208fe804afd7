#include "weft/kernels/elementwise.hpp"

#include <algorithm>

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/block_sums.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels {

namespace {

void check_f32(const char* name, const ConstTensorView& tensor) {
  check_size(name, tensor, tensor.num_elements());
}

/// Of a GPU: a partial sum for each block of the largest tensor.
size_t partial_sum_bytes(std::span<const ConstTensorView> xs) {
  int64_t largest = 0;
  for (const ConstTensorView& x : xs) largest = std::max(largest, x.num_elements());
  const int64_t blocks = (largest + BlockSums<SquareOf>::kBlock - 1) / BlockSums<SquareOf>::kBlock;
  return static_cast<size_t>(blocks) * sizeof(double);
}

void check_sums(const char* kernel, const Context& context, std::span<const ConstTensorView> xs,
                const ConstTensorView& sums_N, DType dtype) {
  for (const ConstTensorView& x : xs) check_f32("x", x);
  check_size("sums_N", sums_N, static_cast<int64_t>(xs.size()), dtype);
  if (context.stream.queue() != nullptr) check_workspace(kernel, context, partial_sum_bytes(xs));
}

/// Runs `kernel` into memory of the device, then copies its results to the host.
template <typename Value>
void to_host(const Context& context, std::span<const ConstTensorView> xs, std::span<Value> results,
             void (*kernel)(const Context&, std::span<const ConstTensorView>, TensorView)) {
  check(results.size() == xs.size(), ErrorKind::internal, "{} results of {} tensors",
        results.size(), xs.size());
  const Shape shape{static_cast<int64_t>(results.size())};
  if (context.stream.queue() == nullptr) {
    kernel(context, xs, {results.data(), dtype_of<Value>, shape});
    return;
  }
  // They stand before the kernel's own workspace, which sums_workspace counts.
  const size_t bytes = aligned_size(results.size_bytes());
  check_workspace("sums to the host", context, sums_workspace(context.stream, xs));
  const TensorView in_workspace(context.workspace.data(), dtype_of<Value>, shape);
  kernel({context.stream, context.workspace.subspan(bytes)}, xs, in_workspace);
  context.stream.download(in_workspace.raw(), results.data(), results.size_bytes());
}

/// The copy of a parameter that an optimizer step writes in a 16-bit type, if there is one.
void check_low(const ConstTensorView& low, int64_t size) {
  if (low.empty()) return;
  check_size("low", low, size, low.dtype() == DType::f16 ? DType::f16 : DType::bf16);
}

}  // namespace

void fill_zero(const Context& context, TensorView y) {
  const TimedKernel timed(context.stream, "zero gradients");
  kernel_table(context.stream).fill_zero(context, y);
}

void convert(const Context& context, ConstTensorView x, TensorView y) {
  const TimedKernel timed(context.stream, "conversions");
  check_element_type("x", x);
  check_element_type("y", y);
  check_size("y", y, x.num_elements(), y.dtype());
  kernel_table(context.stream).convert(context, x, y);
}

void convert_rows(const Context& context, ConstTensorView x, int64_t x_stride, TensorView y_MN) {
  const TimedKernel timed(context.stream, "conversions");
  check_element_type("x", x);
  check_element_type("y_MN", y_MN);
  check(x_stride >= y_MN.shape().last(), ErrorKind::internal, "rows of {} lie {} elements apart",
        y_MN.shape().last(), x_stride);
  kernel_table(context.stream).convert_rows(context, x, x_stride, y_MN);
}

void add(const Context& context, ConstTensorView x, TensorView y) {
  const TimedKernel timed(context.stream, "additions");
  check_element_type("y", y);
  check_size("x", x, y.num_elements(), y.dtype());
  kernel_table(context.stream).add(context, x, y);
}

void scale(const Context& context, float factor, TensorView y) {
  check_element_type("y", y);
  kernel_table(context.stream).scale(context, factor, y);
}

size_t column_sum_workspace(int64_t rows, int64_t columns) {
  return row_chunk_bytes(rows, columns);
}

void column_sum(const Context& context, ConstTensorView x_TN, TensorView y_N) {
  const TimedKernel timed(context.stream, "bias gradient");
  check_element_type("x_TN", x_TN);
  check_size("y_N", y_N, x_TN.shape().last());
  check_workspace("column_sum", context,
                  column_sum_workspace(x_TN.shape().num_rows(), x_TN.shape().last()));
  kernel_table(context.stream).column_sum(context, x_TN, y_N);
}

size_t sums_workspace(const Stream& stream, std::span<const ConstTensorView> xs) {
  if (stream.queue() == nullptr) return 0;
  return aligned_size(xs.size() * sizeof(double)) + partial_sum_bytes(xs);
}

void tensor_square_sums(const Context& context, std::span<const ConstTensorView> xs,
                        TensorView sums_N) {
  const TimedKernel timed(context.stream, "gradient norm");
  check_sums("tensor_square_sums", context, xs, sums_N, DType::f64);
  kernel_table(context.stream).tensor_square_sums(context, xs, sums_N);
}

void sums_of_squares(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<double> sums) {
  to_host(context, xs, sums, tensor_square_sums);
}

double sum_of_squares(const Context& context, ConstTensorView x) {
  double sum = 0.0;
  sums_of_squares(context, {&x, 1}, {&sum, 1});
  return sum;
}

void tensor_zero_counts(const Context& context, std::span<const ConstTensorView> xs,
                        TensorView counts_N) {
  const TimedKernel timed(context.stream, "gradient norm");
  check_sums("tensor_zero_counts", context, xs, counts_N, DType::i64);
  kernel_table(context.stream).tensor_zero_counts(context, xs, counts_N);
}

void counts_of_zeros(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<int64_t> counts) {
  to_host(context, xs, counts, tensor_zero_counts);
}

int64_t count_zeros(const Context& context, ConstTensorView x) {
  int64_t count = 0;
  counts_of_zeros(context, {&x, 1}, {&count, 1});
  return count;
}

void gate_gradients(const Context& context, ConstTensorView sums_N, double loss_scale,
                    double clip_grad, GradientGate* gate) {
  check_size("sums_N", sums_N, sums_N.num_elements(), DType::f64);
  kernel_table(context.stream).gate_gradients(context, sums_N, loss_scale, clip_grad, gate);
}

void masked_sum(const Context& context, ConstTensorView x_T, ConstTensorView mask_T,
                TensorView sum) {
  check_f32("x_T", x_T);
  check_size("mask_T", mask_T, x_T.num_elements());
  check_size("sum", sum, 1, DType::f64);
  kernel_table(context.stream).masked_sum(context, x_T, mask_T, sum);
}

bool all_finite(const Context& context, ConstTensorView x) {
  check_element_type("x", x);
  return kernel_table(context.stream).all_finite(context, x);
}

void fill_normal(const Context& context, philox::Key key, uint64_t first_element, float mean,
                 float deviation, TensorView x) {
  check_f32("x", x);
  kernel_table(context.stream).fill_normal(context, key, first_element, mean, deviation, x);
}

void fill_uniform(const Context& context, philox::Key key, uint64_t first_element, float centre,
                  float bound, TensorView x) {
  check_f32("x", x);
  kernel_table(context.stream).fill_uniform(context, key, first_element, centre, bound, x);
}

void adamw(const Context& context, const AdamWStep& step, GradScale grad_scale,
           ConstTensorView grad, TensorView param, TensorView exp_avg, TensorView exp_avg_sq,
           TensorView low) {
  const TimedKernel timed(context.stream, "optimizer");
  const int64_t size = param.num_elements();
  check_f32("param", param);
  check_size("grad", grad, size);
  check_size("exp_avg", exp_avg, size);
  check_size("exp_avg_sq", exp_avg_sq, size);
  check_low(low, size);
  kernel_table(context.stream)
      .adamw(context, step, grad_scale, grad, param, exp_avg, exp_avg_sq, low);
}

void sgd(const Context& context, float learning_rate, float momentum, float weight_decay,
         bool first, GradScale grad_scale, ConstTensorView grad, TensorView param,
         TensorView buffer, TensorView low) {
  const TimedKernel timed(context.stream, "optimizer");
  const int64_t size = param.num_elements();
  check_f32("param", param);
  check_size("grad", grad, size);
  if (momentum != 0.0F) check_size("buffer", buffer, size);
  check_low(low, size);
  kernel_table(context.stream)
      .sgd(context, learning_rate, momentum, weight_decay, first, grad_scale, grad, param, buffer,
           low);
}

}  // namespace weft::kernels
