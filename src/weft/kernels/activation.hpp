#pragma once

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// Forms of GELU that Megatron uses: tanh with bias fusion (its default), erf without.
enum class Activation : uint8_t { gelu_tanh, gelu_erf };

/// y = act(x), elementwise (reference/megatron.md 4.2).
void activation_forward(const Context& context, Activation activation, ConstTensorView x,
                        TensorView y);

/// dx = dy * act'(x), elementwise. dx and dy may be the same.
void activation_backward(const Context& context, Activation activation, ConstTensorView dy,
                         ConstTensorView x, TensorView dx);

}  // namespace weft::kernels
