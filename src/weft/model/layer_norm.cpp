#include "weft/model/layer_norm.hpp"

#include "weft/kernels/layer_norm.hpp"

namespace weft::model {

LayerNorm::LayerNorm(Parameter& gamma, Parameter& beta, float epsilon)
    : gamma_(&gamma), beta_(&beta), epsilon_(epsilon) {}

LayerNorm::Activations LayerNorm::plan(Arena& arena, int64_t tokens, int64_t hidden) {
  return {.y_TH = arena.take({tokens, hidden}),
          .mean_T = arena.take({tokens}),
          .rstd_T = arena.take({tokens})};
}

void LayerNorm::forward(const kernels::Context& context, ConstTensorView x_TH,
                        const Activations& saved) const {
  kernels::layer_norm_forward(context, x_TH, gamma_->value, beta_->value, epsilon_, saved.y_TH,
                              saved.mean_T, saved.rstd_T);
}

void LayerNorm::backward_input(const kernels::Context& context, ConstTensorView dy_TH,
                               ConstTensorView x_TH, const Activations& saved, bool accumulate,
                               TensorView dx_TH) const {
  kernels::layer_norm_backward_input(context, dy_TH, x_TH, gamma_->value, saved.mean_T,
                                     saved.rstd_T, accumulate, dx_TH);
}

void LayerNorm::backward_weight(const kernels::Context& context, ConstTensorView dy_TH,
                                ConstTensorView x_TH, const Activations& saved) const {
  kernels::layer_norm_backward_weight(context, dy_TH, x_TH, saved.mean_T, saved.rstd_T,
                                      gamma_->grad, beta_->grad);
}

size_t LayerNorm::workspace_bytes(int64_t tokens) const {
  return kernels::layer_norm_backward_weight_workspace(tokens, gamma_->shape[0]);
}

}  // namespace weft::model
