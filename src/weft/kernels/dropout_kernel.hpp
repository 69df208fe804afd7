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
    if (residual_SBH != nullptr) {
      add(block, row);
      return;
    }
    const auto x = block.hold(hidden, x_SBH + row * hidden);
    block.map_row(
        hidden, y_SBH + row * hidden, [](float v, float f) { return masked(v, f); }, x,
        factors_of(row));
  }

  /// Writes the row of y, which it gives back as Block::hold does; there is a residual.
  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE auto add(const Block& block, int64_t row) const {
    const auto x = block.hold(hidden, x_SBH + row * hidden);
    const auto residual = block.hold(hidden, residual_SBH + row * hidden);
    Out* y = y_SBH + row * hidden;
    const DropoutRow factors = factors_of(row);
    if (bias_H == nullptr) {
      return block.map_and_hold(
          hidden, y, [](float v, float f, float r) { return r + masked(v, f); }, x, factors,
          residual);
    }
    return block.map_and_hold(
        hidden, y, [](float v, float f, float r, float b) { return r + masked(v + b, f); }, x,
        factors, residual, bias_H);
  }

 private:
  WEFT_HOST_DEVICE DropoutRow factors_of(int64_t row) const {
    DropoutRow factors{.key = key, .threshold = threshold, .scale = scale};
    if (threshold != 0) factors.sample = static_cast<uint64_t>(samples_B[row % microbatch]);
    factors.first_element = static_cast<uint64_t>(row / microbatch * hidden);
    return factors;
  }
  /// A dropped element is 0 even when it is not finite.
  WEFT_HOST_DEVICE static float masked(float value, float factor) {
    return factor == 0.0F ? 0.0F : value * factor;
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
