#include "weft/model/linear.hpp"

#include <utility>

namespace weft::model {

Linear::Linear(const Stream& stream, int64_t tokens, Parameter& weight, Parameter* bias,
               BiasPlace place, GeluPlace gelu)
    : weight_(&weight),
      bias_(bias),
      place_(place),
      plan_(plan_of(stream, {.tokens = tokens,
                             .in = weight.shape[1],
                             .out = weight.shape[0],
                             .bias = bias != nullptr,
                             .dtype = weight.value.dtype(),
                             .place = place,
                             .gelu = gelu})) {
  weight.write_first = true;
}

kernels::LinearPlan Linear::plan_of(const Stream& stream, const Sizes& sizes) {
  return {stream,
          sizes.tokens,
          sizes.in,
          sizes.out,
          sizes.bias && sizes.place == BiasPlace::in_linear,
          sizes.dtype,
          {.gelu = sizes.gelu == GeluPlace::after,
           .gelu_gradient = sizes.gelu == GeluPlace::before,
           .bias_gradient = sizes.bias}};
}

void Linear::forward(const kernels::Context& context, ConstTensorView x_TI, TensorView y_TO) const {
  plan_.forward(context, x_TI, weight_->value, added_bias(), y_TO);
}

void Linear::forward_gelu(const kernels::Context& context, ConstTensorView x_TI, TensorView z_TO,
                          TensorView y_TO) const {
  plan_.forward_gelu(context, x_TI, weight_->value, added_bias(), z_TO, y_TO);
}

void Linear::backward_input(const kernels::Context& context, ConstTensorView dy_TO,
                            TensorView dx_TI) const {
  plan_.backward_input(context, dy_TO, weight_->value, dx_TI);
}

void Linear::backward_input_gelu(const kernels::Context& context, ConstTensorView dy_TO,
                                 ConstTensorView z_TI, TensorView dz_TI) const {
  plan_.backward_input_gelu(context, dy_TO, weight_->value, z_TI, dz_TI);
}

void Linear::backward_weight(const kernels::Context& context, ConstTensorView dy_TO,
                             ConstTensorView x_TI) const {
  const bool accumulate = !std::exchange(weight_->grad_is_stale, false);
  if (bias_ == nullptr) {
    plan_.backward_weight(context, dy_TO, x_TI, accumulate, weight_->grad);
  } else {
    plan_.backward_weight(context, dy_TO, x_TI, accumulate, weight_->grad, bias_->grad);
  }
}

size_t Linear::workspace_bytes(const Stream& stream, const Sizes& sizes) {
  return plan_of(stream, sizes).workspace_bytes();
}

ConstTensorView Linear::added_bias() const {
  return place_ == BiasPlace::in_linear ? bias_value() : ConstTensorView();
}

ConstTensorView Linear::bias_value() const {
  return bias_ == nullptr ? ConstTensorView() : ConstTensorView(bias_->value);
}

}  // namespace weft::model
