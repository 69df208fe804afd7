#pragma once

#include "weft/kernels/context.hpp"
#include "weft/kernels/norm_constants.hpp"
#include "weft/tensor/tensor.hpp"

// x and dx may be of f32 beside 16-bit y and dy, as in layer_norm.hpp.

namespace weft::kernels {

/// y = x * rstd * (gamma + gamma_offset) with rstd = 1 / sqrt(mean(x^2) + epsilon) over each row
/// (reference/megatron.md 4.2). The mean square is summed in fp32 in 16 fixed lanes. Writes rstd_T,
/// which backward needs.
void rms_norm_forward(const Context& context, ConstTensorView x_TH, ConstTensorView gamma_H,
                      const NormConstants& constants, TensorView y_TH, TensorView rstd_T);

/// dx_TH = (accumulate ? dx_TH : 0) + gradient of the norm's input.
void rms_norm_backward_input(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                             ConstTensorView gamma_H, const NormConstants& constants,
                             ConstTensorView rstd_T, bool accumulate, TensorView dx_TH);

/// dgamma_H += sum over rows of dy * xhat. Needs rms_norm_backward_weight_workspace(T, H) bytes of
/// workspace.
void rms_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                              ConstTensorView rstd_T, TensorView dgamma_H);
size_t rms_norm_backward_weight_workspace(int64_t tokens, int64_t hidden);

}  // namespace weft::kernels
