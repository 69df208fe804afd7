#pragma once

#include <cstdint>
#include <span>

#include "weft/base/philox.hpp"
#include "weft/kernels/adamw_step.hpp"
#include "weft/kernels/context.hpp"
#include "weft/kernels/gradient_gate.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// Sets every element to zero.
void fill_zero(const Context& context, TensorView y);

/// y = x, elementwise: from any of f32, bf16 and f16 to any of them, rounded to nearest even.
void convert(const Context& context, ConstTensorView x, TensorView y);

/// As convert for the columns [0, N) of x's rows, which lie `x_stride` elements apart, into y_MN.
/// x views the first of them; its shape does not count.
void convert_rows(const Context& context, ConstTensorView x, int64_t x_stride, TensorView y_MN);

/// y += x, elementwise.
void add(const Context& context, ConstTensorView x, TensorView y);

/// y *= factor, elementwise.
void scale(const Context& context, float factor, TensorView y);

/// y_N += sum over rows of x_TN, in fixed chunks of rows. Needs column_sum_workspace(T, N) bytes.
void column_sum(const Context& context, ConstTensorView x_TN, TensorView y_N);
size_t column_sum_workspace(int64_t rows, int64_t columns);

/// sums_N[i] = sum of squares of xs[i]: fp64 partial sums over fixed blocks of 1024 elements, then
/// over the blocks in order; on a GPU in another fixed order (design: the gradient norm does not
/// depend on threads or shards). The sums are f64. Needs sums_workspace(stream, xs) bytes.
void tensor_square_sums(const Context& context, std::span<const ConstTensorView> xs,
                        TensorView sums_N);
/// As tensor_square_sums, to the host: returns when the sums are known.
void sums_of_squares(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<double> sums);
/// As sums_of_squares of one tensor.
double sum_of_squares(const Context& context, ConstTensorView x);

/// counts_N[i] = number of elements of xs[i] that are exactly zero, i64. Needs
/// sums_workspace(stream, xs) bytes.
void tensor_zero_counts(const Context& context, std::span<const ConstTensorView> xs,
                        TensorView counts_N);
/// As tensor_zero_counts, to the host: returns when the counts are known.
void counts_of_zeros(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<int64_t> counts);
/// As counts_of_zeros of one tensor.
int64_t count_zeros(const Context& context, ConstTensorView x);

/// Writes the gate (gradient_gate.hpp) of gradients with these sums of squares to the memory of one
/// GradientGate.
void gate_gradients(const Context& context, ConstTensorView sums_N, double loss_scale,
                    double clip_grad, GradientGate* gate);

/// Workspace of the sums and counts above: none on the CPU; on a GPU 8 bytes for each tensor, where
/// they go to the host, and for each block of the largest.
size_t sums_workspace(const Stream& stream, std::span<const ConstTensorView> xs);

/// sum += the sum of x where mask is not 0, times mask, in fp64 and, on the CPU, in order. x_T and
/// mask_T are f32, sum is one f64.
void masked_sum(const Context& context, ConstTensorView x_T, ConstTensorView mask_T,
                TensorView sum);

/// True when every element is finite. On a GPU needs 4 bytes of workspace, and returns when it is
/// known.
bool all_finite(const Context& context, ConstTensorView x);

/// x[i] = mean + deviation * n(i), where n(i) is the standard normal number of element i of stream
/// `key` (Box-Muller on Philox words; two words per number, so element i uses words 2i and 2i + 1),
/// offset by `first_element`: a shard draws the numbers of its global elements.
void fill_normal(const Context& context, philox::Key key, uint64_t first_element, float mean,
                 float deviation, TensorView x);

/// x[i] = centre + bound * u(i) with u(i) uniform in (-1, 1], from word i % 4 of block i / 4 of
/// stream `key`, offset by `first_element` as in fill_normal.
void fill_uniform(const Context& context, philox::Key key, uint64_t first_element, float centre,
                  float bound, TensorView x);

/// p -= lr * ((m / c1) / (sqrt(v / c2) + eps) + wd * p) after updating m and v with g * grad_scale.
void adamw(const Context& context, const AdamWStep& step, GradScale grad_scale,
           ConstTensorView grad, TensorView param, TensorView exp_avg, TensorView exp_avg_sq,
           TensorView low = {});

/// SGD with momentum: buf = first ? g : momentum * buf + g; p -= lr * buf, where g = grad *
/// grad_scale + weight_decay * p. `buffer` is empty when momentum is 0.
void sgd(const Context& context, float learning_rate, float momentum, float weight_decay,
         bool first, GradScale grad_scale, ConstTensorView grad, TensorView param,
         TensorView buffer, TensorView low = {});

}  // namespace weft::kernels
