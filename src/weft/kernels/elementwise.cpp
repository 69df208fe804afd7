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

void check_count(size_t results, size_t tensors) {
  check(results == tensors, ErrorKind::internal, "{} results of {} tensors", results, tensors);
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
  int64_t largest = 0;
  for (const ConstTensorView& x : xs) largest = std::max(largest, x.num_elements());
  const int64_t blocks = (largest + BlockSums<SquareOf>::kBlock - 1) / BlockSums<SquareOf>::kBlock;
  return aligned_size(xs.size() * sizeof(double)) + static_cast<size_t>(blocks) * sizeof(double);
}

void sums_of_squares(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<double> sums) {
  const TimedKernel timed(context.stream, "gradient norm");
  for (const ConstTensorView& x : xs) check_f32("x", x);
  check_count(sums.size(), xs.size());
  check_workspace("sums_of_squares", context, sums_workspace(context.stream, xs));
  kernel_table(context.stream).sums_of_squares(context, xs, sums);
}

double sum_of_squares(const Context& context, ConstTensorView x) {
  double sum = 0.0;
  sums_of_squares(context, {&x, 1}, {&sum, 1});
  return sum;
}

void counts_of_zeros(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<int64_t> counts) {
  const TimedKernel timed(context.stream, "gradient norm");
  for (const ConstTensorView& x : xs) check_f32("x", x);
  check_count(counts.size(), xs.size());
  check_workspace("counts_of_zeros", context, sums_workspace(context.stream, xs));
  kernel_table(context.stream).counts_of_zeros(context, xs, counts);
}

int64_t count_zeros(const Context& context, ConstTensorView x) {
  int64_t count = 0;
  counts_of_zeros(context, {&x, 1}, {&count, 1});
  return count;
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

void adamw(const Context& context, const AdamWStep& step, float grad_scale, ConstTensorView grad,
           TensorView param, TensorView exp_avg, TensorView exp_avg_sq, TensorView low) {
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
         bool first, float grad_scale, ConstTensorView grad, TensorView param, TensorView buffer,
         TensorView low) {
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
