#include "weft/kernels/layer_norm.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels {

namespace {

/// What forward and both backward parts share: rows in the element type, their statistics in f32.
void check_statistics(const ConstTensorView& x_TH, const ConstTensorView& mean_T,
                      const ConstTensorView& rstd_T) {
  check_size("mean_T", mean_T, x_TH.shape().num_rows());
  check_size("rstd_T", rstd_T, x_TH.shape().num_rows());
}

}  // namespace

void layer_norm_forward(const Context& context, ConstTensorView x_TH, ConstTensorView gamma_H,
                        ConstTensorView beta_H, const NormConstants& constants, TensorView y_TH,
                        TensorView mean_T, TensorView rstd_T) {
  const TimedKernel timed(context.stream, "norm forward");
  check_element_type("y_TH", y_TH);
  check_stream_type("x_TH", x_TH, y_TH.dtype());
  check_size("gamma_H", gamma_H, x_TH.shape().last(), y_TH.dtype());
  check_size("beta_H", beta_H, x_TH.shape().last(), y_TH.dtype());
  check_size("y_TH", y_TH, x_TH.num_elements(), y_TH.dtype());
  check_statistics(x_TH, mean_T, rstd_T);
  kernel_table(context.stream)
      .layer_norm_forward(context, x_TH, gamma_H, beta_H, constants, y_TH, mean_T, rstd_T);
}

void layer_norm_backward_input(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                               ConstTensorView gamma_H, const NormConstants& constants,
                               ConstTensorView mean_T, ConstTensorView rstd_T, bool accumulate,
                               TensorView dx_TH) {
  const TimedKernel timed(context.stream, "norm backward");
  check_element_type("dy_TH", dy_TH);
  check_stream_type("x_TH", x_TH, dy_TH.dtype());
  check_size("dy_TH", dy_TH, x_TH.num_elements(), dy_TH.dtype());
  check_size("gamma_H", gamma_H, x_TH.shape().last(), dy_TH.dtype());
  check_size("dx_TH", dx_TH, x_TH.num_elements(), x_TH.dtype());
  check_statistics(x_TH, mean_T, rstd_T);
  kernel_table(context.stream)
      .layer_norm_backward_input(context, dy_TH, x_TH, gamma_H, constants, mean_T, rstd_T,
                                 accumulate, dx_TH);
}

size_t layer_norm_backward_weight_workspace(int64_t tokens, int64_t hidden) {
  return row_chunk_bytes(tokens, 2 * hidden);
}

void layer_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                                ConstTensorView mean_T, ConstTensorView rstd_T, TensorView dgamma_H,
                                TensorView dbeta_H) {
  const TimedKernel timed(context.stream, "norm backward");
  const int64_t hidden = x_TH.shape().last();
  check_element_type("dy_TH", dy_TH);
  check_stream_type("x_TH", x_TH, dy_TH.dtype());
  check_size("dy_TH", dy_TH, x_TH.num_elements(), dy_TH.dtype());
  check_size("dgamma_H", dgamma_H, hidden);
  check_size("dbeta_H", dbeta_H, hidden);
  check_statistics(x_TH, mean_T, rstd_T);
  check_workspace("layer_norm_backward_weight", context,
                  layer_norm_backward_weight_workspace(x_TH.shape().num_rows(), hidden));
  kernel_table(context.stream)
      .layer_norm_backward_weight(context, dy_TH, x_TH, mean_T, rstd_T, dgamma_H, dbeta_H);
}

}  // namespace weft::kernels
