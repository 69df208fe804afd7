#include "weft/model/norm.hpp"

#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::model {

Norm::Norm(const ModelConfig& config, ParameterSet& parameters, const std::string& name)
    : gamma_(&parameters.at(name + ".weight")),
      beta_(config.normalization == Normalization::rms_norm ? nullptr
                                                            : &parameters.at(name + ".bias")),
      constants_{.epsilon = config.norm_epsilon,
                 .gamma_offset = config.layernorm_1p ? 1.0F : 0.0F} {}

Norm::Activations Norm::plan(Arena& arena, const ModelConfig& config, int64_t rows, int64_t width) {
  const TensorView y_TH = arena.take({rows, width}, config.dtype);
  return plan_statistics(arena, config, rows, y_TH);
}

Norm::Activations Norm::plan_statistics(Arena& arena, const ModelConfig& config, int64_t rows,
                                        TensorView y_TH) {
  Activations saved;
  saved.y_TH = y_TH;
  if (config.normalization == Normalization::layer_norm) saved.mean_T = arena.take({rows});
  saved.rstd_T = arena.take({rows});
  return saved;
}

Norm::Activations Norm::Activations::rows(int64_t first, int64_t count, TensorView y_RH) const {
  return {.y_TH = y_RH,
          .mean_T = mean_T.empty() ? mean_T : mean_T.rows(first, count),
          .rstd_T = rstd_T.rows(first, count)};
}

void Norm::forward(const kernels::Context& context, ConstTensorView x_TH,
                   const Activations& saved) const {
  if (beta_ == nullptr) {
    kernels::rms_norm_forward(context, x_TH, gamma_->value, constants_, saved.y_TH, saved.rstd_T);
    return;
  }
  kernels::layer_norm_forward(context, x_TH, gamma_->value, beta_->value, constants_, saved.y_TH,
                              saved.mean_T, saved.rstd_T);
}

void Norm::forward_of_sum(const kernels::Context& context, const kernels::BranchSum& sum,
                          const Activations& saved) const {
  kernels::add_norm_forward(
      context, sum,
      {.gamma_H = gamma_->value,
       .beta_H = beta_ == nullptr ? ConstTensorView() : ConstTensorView(beta_->value),
       .constants = constants_,
       .y_TH = saved.y_TH,
       .mean_T = saved.mean_T,
       .rstd_T = saved.rstd_T});
}

void Norm::backward_input(const kernels::Context& context, ConstTensorView dy_TH,
                          ConstTensorView x_TH, const Activations& saved, bool accumulate,
                          TensorView dx_TH) const {
  if (beta_ == nullptr) {
    kernels::rms_norm_backward_input(context, dy_TH, x_TH, gamma_->value, constants_, saved.rstd_T,
                                     accumulate, dx_TH);
    return;
  }
  kernels::layer_norm_backward_input(context, dy_TH, x_TH, gamma_->value, constants_, saved.mean_T,
                                     saved.rstd_T, accumulate, dx_TH);
}

void Norm::backward_weight(const kernels::Context& context, ConstTensorView dy_TH,
                           ConstTensorView x_TH, const Activations& saved) const {
  if (beta_ == nullptr) {
    kernels::rms_norm_backward_weight(context, dy_TH, x_TH, saved.rstd_T, gamma_->grad);
    return;
  }
  kernels::layer_norm_backward_weight(context, dy_TH, x_TH, saved.mean_T, saved.rstd_T,
                                      gamma_->grad, beta_->grad);
}

size_t Norm::workspace_bytes(const ModelConfig& config, int64_t rows, int64_t width) {
  return config.normalization == Normalization::rms_norm
             ? kernels::rms_norm_backward_weight_workspace(rows, width)
             : kernels::layer_norm_backward_weight_workspace(rows, width);
}

}  // namespace weft::model
