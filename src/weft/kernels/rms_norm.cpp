#include "weft/kernels/rms_norm.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels {

void rms_norm_forward(const Context& context, ConstTensorView x_TH, ConstTensorView gamma_H,
                      const NormConstants& constants, TensorView y_TH, TensorView rstd_T) {
  const TimedKernel timed(context.stream, "norm forward");
  check_element_type("y_TH", y_TH);
  check_stream_type("x_TH", x_TH, y_TH.dtype());
  check_size("gamma_H", gamma_H, x_TH.shape().last(), y_TH.dtype());
  check_size("y_TH", y_TH, x_TH.num_elements(), y_TH.dtype());
  check_size("rstd_T", rstd_T, x_TH.shape().num_rows());
  kernel_table(context.stream).rms_norm_forward(context, x_TH, gamma_H, constants, y_TH, rstd_T);
}

void rms_norm_backward_input(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                             ConstTensorView gamma_H, const NormConstants& constants,
                             ConstTensorView rstd_T, bool accumulate, TensorView dx_TH) {
  const TimedKernel timed(context.stream, "norm backward");
  check_element_type("dy_TH", dy_TH);
  check_stream_type("x_TH", x_TH, dy_TH.dtype());
  check_size("dy_TH", dy_TH, x_TH.num_elements(), dy_TH.dtype());
  check_size("gamma_H", gamma_H, x_TH.shape().last(), dy_TH.dtype());
  check_size("rstd_T", rstd_T, x_TH.shape().num_rows());
  check_size("dx_TH", dx_TH, x_TH.num_elements(), x_TH.dtype());
  kernel_table(context.stream)
      .rms_norm_backward_input(context, dy_TH, x_TH, gamma_H, constants, rstd_T, accumulate, dx_TH);
}

size_t rms_norm_backward_weight_workspace(int64_t tokens, int64_t hidden) {
  return row_chunk_bytes(tokens, hidden);
}

void rms_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                              ConstTensorView rstd_T, TensorView dgamma_H) {
  const TimedKernel timed(context.stream, "norm backward");
  const int64_t hidden = x_TH.shape().last();
  check_element_type("dy_TH", dy_TH);
  check_stream_type("x_TH", x_TH, dy_TH.dtype());
  check_size("dy_TH", dy_TH, x_TH.num_elements(), dy_TH.dtype());
  check_size("rstd_T", rstd_T, x_TH.shape().num_rows());
  check_size("dgamma_H", dgamma_H, hidden);
  check_workspace("rms_norm_backward_weight", context,
                  rms_norm_backward_weight_workspace(x_TH.shape().num_rows(), hidden));
  kernel_table(context.stream).rms_norm_backward_weight(context, dy_TH, x_TH, rstd_T, dgamma_H);
}

}  // namespace weft::kernels
