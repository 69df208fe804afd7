#pragma once

#include "weft/kernels/row_kernel.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// dropout_forward and bias_dropout_add_forward (dropout.hpp): y = residual + dropout(x + bias),
/// where bias and residual may be null. Out is In, or one of both is f32 beside 16 bits.
template <typename In, typename Out = In>
struct DropoutRowKernel {
  const In* x_SBH;
  const In* bias_H;
  const Out* residual_SBH;
  Out* y_SBH;
  const int64_t* samples_B;  ///< null when nothing is dropped
  int64_t microbatch;
  int64_t hidden;
  philox::Key key;
  uint32_t threshold;
  float scale;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const int64_t offset = row * hidden;
    DropoutRow factors{.key = key, .threshold = threshold, .scale = scale};
    if (threshold != 0) factors.sample = static_cast<uint64_t>(samples_B[row % microbatch]);
    factors.first_element = static_cast<uint64_t>(row / microbatch * hidden);
    const auto masked = [](float value, float factor) {
      // A dropped element is 0 even when it is not finite.
      return factor == 0.0F ? 0.0F : value * factor;
    };
    const In* x = x_SBH + offset;
    const Out* residual = residual_SBH + offset;
    if (residual_SBH == nullptr) {
      block.map_row(
          hidden, y_SBH + offset, [=](float v, float f) { return masked(v, f); }, x, factors);
    } else if (bias_H == nullptr) {
      block.map_row(
          hidden, y_SBH + offset, [=](float v, float f, float r) { return r + masked(v, f); }, x,
          factors, residual);
    } else {
      block.map_row(
          hidden, y_SBH + offset,
          [=](float v, float f, float r, float b) { return r + masked(v + b, f); }, x, factors,
          residual, bias_H);
    }
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
