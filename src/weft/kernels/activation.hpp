#pragma once

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// What stands between the two products of an MLP (reference/megatron.md 4.2): GELU in its tanh
/// form (Megatron's default, with bias fusion) or erf form (without), max(x, 0)^2, or gated SiLU.
enum class Activation : uint8_t { gelu_tanh, gelu_erf, squared_relu, swiglu };

/// Whether the input is twice as wide as the output: a row holds all gates, then all ups.
constexpr bool is_gated(Activation activation) { return activation == Activation::swiglu; }

/// y_TF = act(x_TG), elementwise with G = F; gated: y = silu(x[f]) * x[F + f] with G = 2 F.
void activation_forward(const Context& context, Activation activation, ConstTensorView x_TG,
                        TensorView y_TF);

/// dx_TG = gradient of the input. Unless the activation is gated, dx and dy may be the same.
void activation_backward(const Context& context, Activation activation, ConstTensorView dy_TF,
                         ConstTensorView x_TG, TensorView dx_TG);

}  // namespace weft::kernels
