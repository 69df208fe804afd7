#pragma once

#include "weft/kernels/context.hpp"
#include "weft/kernels/norm_constants.hpp"
#include "weft/tensor/tensor.hpp"

// x, dx and what they are added to are the residual stream: of the type of y and dy, or of f32
// beside 16-bit y and dy. The same holds in rms_norm.hpp.

namespace weft::kernels {

/// y = (x - mean) * rstd * (gamma + gamma_offset) + beta with mean and variance over each row, rstd
/// = 1 / sqrt(var + epsilon) (reference/megatron.md 4.2). Statistics in fp32 in 16 fixed lanes.
/// Writes mean_T and rstd_T, which backward needs.
void layer_norm_forward(const Context& context, ConstTensorView x_TH, ConstTensorView gamma_H,
                        ConstTensorView beta_H, const NormConstants& constants, TensorView y_TH,
                        TensorView mean_T, TensorView rstd_T);

/// dx_TH = (accumulate ? dx_TH : 0) + gradient of the norm's input. `accumulate` joins the residual
/// branch without another pass.
void layer_norm_backward_input(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                               ConstTensorView gamma_H, const NormConstants& constants,
                               ConstTensorView mean_T, ConstTensorView rstd_T, bool accumulate,
                               TensorView dx_TH);

/// dgamma_H += sum over rows of dy * xhat; dbeta_H += sum over rows of dy. Needs
/// layer_norm_backward_weight_workspace(T, H) bytes of workspace.
void layer_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                                ConstTensorView mean_T, ConstTensorView rstd_T, TensorView dgamma_H,
                                TensorView dbeta_H);
size_t layer_norm_backward_weight_workspace(int64_t tokens, int64_t hidden);

}  // namespace weft::kernels
