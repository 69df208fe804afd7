#pragma once

#include "weft/kernels/context.hpp"
#include "weft/kernels/head_layout.hpp"
#include "weft/tensor/tensor.hpp"

// Shape suffix F: frequencies, half of the channels that turn.

namespace weft::kernels {

/// How channels of a head form pairs (reference/megatron.md 4.7).
enum class RotaryPairs : uint8_t {
  halves,      ///< channel f with channel F + f
  neighbours,  ///< channel 2 f with channel 2 f + 1 (--rotary-interleaved)
};

/// Turns, in place, the first 2 F channels of every query and key head of qkv_SBQ: row s by the
/// angles whose cosines and sines stand in row s of cos_SF and sin_SF. Other channels stay.
void rotary_forward(const Context& context, const HeadLayout& layout, RotaryPairs pairs,
                    ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView qkv_SBQ);

/// Turns the gradient of what rotary_forward wrote into that of its input, in place: the same turn
/// backwards.
void rotary_backward(const Context& context, const HeadLayout& layout, RotaryPairs pairs,
                     ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView dqkv_SBQ);

}  // namespace weft::kernels
