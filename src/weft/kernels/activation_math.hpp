#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels {

/// GELU in Megatron's tanh form 0.5 x (1 + tanh u), u = 0.79788456 x (1 + 0.044715 x^2), written as
/// x sigmoid(2 u), which is the same function with one exponential (reference/megatron.md 4.2).
struct GeluTanh {
  WEFT_HOST_DEVICE static float forward(float x) {
    return x * math::sigmoid(2.0F * kScale * x * (1.0F + kCube * x * x));
  }
  /// Derivative at x: s + x s (1 - s) 2 u', u' = 0.79788456 + 0.1070322243 x^2.
  WEFT_HOST_DEVICE static float derivative(float x) {
    // Beyond 16 the derivative is 0 or 1 to the last bit; clamping keeps x^2 from overflowing.
    const float low = x < -16.0F ? -16.0F : x;
    const float v = low > 16.0F ? 16.0F : low;
    const float s = math::sigmoid(2.0F * kScale * v * (1.0F + kCube * v * v));
    return s + v * s * (1.0F - s) * 2.0F * (kScale + kDerivativeSquare * v * v);
  }

 private:
  static constexpr float kScale = 0.79788456F;
  static constexpr float kCube = 0.044715F;
  static constexpr float kDerivativeSquare = 0.1070322243F;
};

/// GELU by the normal distribution function: 0.5 x (1 + erf(x / sqrt 2)).
struct GeluErf {
  WEFT_HOST_DEVICE static float forward(float x) {
    return 0.5F * x * (1.0F + math::erf(x * kSqrtHalf));
  }
  /// Derivative at x: Phi(x) + x phi(x).
  WEFT_HOST_DEVICE static float derivative(float x) {
    const float low = x < -16.0F ? -16.0F : x;
    const float v = low > 16.0F ? 16.0F : low;
    return 0.5F * (1.0F + math::erf(v * kSqrtHalf)) + v * kDensity * math::exp(-0.5F * v * v);
  }

 private:
  static constexpr float kSqrtHalf = 0.70710678F;
  static constexpr float kDensity = 0.39894228F;  // 1 / sqrt(2 pi)
};

}  // namespace weft::kernels
