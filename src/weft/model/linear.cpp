#include "weft/model/linear.hpp"

#include <algorithm>
#include <utility>

#include "weft/kernels/elementwise.hpp"

namespace weft::model {

Linear::Linear(const Stream& stream, int64_t tokens, Parameter& weight, Parameter* bias,
               BiasPlace place)
    : weight_(&weight),
      bias_(bias),
      place_(place),
      plan_(stream, tokens, weight.shape[1], weight.shape[0],
            bias != nullptr && place == BiasPlace::in_linear, weight.value.dtype()) {
  weight.write_first = true;
}

void Linear::forward(const kernels::Context& context, ConstTensorView x_TI, TensorView y_TO) const {
  const bool add_bias = bias_ != nullptr && place_ == BiasPlace::in_linear;
  plan_.forward(context, x_TI, weight_->value, add_bias ? bias_value() : ConstTensorView(), y_TO);
}

void Linear::backward_input(const kernels::Context& context, ConstTensorView dy_TO,
                            TensorView dx_TI) const {
  plan_.backward_input(context, dy_TO, weight_->value, dx_TI);
}

void Linear::backward_weight(const kernels::Context& context, ConstTensorView dy_TO,
                             ConstTensorView x_TI) const {
  const bool accumulate = !std::exchange(weight_->grad_is_stale, false);
  plan_.backward_weight(context, dy_TO, x_TI, accumulate, weight_->grad);
  if (bias_ != nullptr) kernels::column_sum(context, dy_TO, bias_->grad);
}

size_t Linear::workspace_bytes(const Stream& stream, const Sizes& sizes) {
  const kernels::LinearPlan plan(stream, sizes.tokens, sizes.in, sizes.out, sizes.bias,
                                 sizes.dtype);
  const size_t sums = sizes.bias ? kernels::column_sum_workspace(sizes.tokens, sizes.out) : 0;
  return std::max(plan.workspace_bytes(), sums);
}

ConstTensorView Linear::bias_value() const {
  return bias_ == nullptr ? ConstTensorView() : ConstTensorView(bias_->value);
}

}  // namespace weft::model
