#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels::inline WEFT_ISA {

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

/// max(x, 0)^2.
struct SquaredRelu {
  WEFT_HOST_DEVICE static float forward(float x) { return positive(x) * positive(x); }
  WEFT_HOST_DEVICE static float derivative(float x) { return 2.0F * positive(x); }

 private:
  /// max(x, 0) in which NaN stays NaN.
  WEFT_HOST_DEVICE static float positive(float x) { return x < 0.0F ? 0.0F : x; }
};

/// Gated SiLU: silu(gate) * up with silu(x) = x sigmoid(x).
struct SwiGlu {
  WEFT_HOST_DEVICE static float forward(float gate, float up) {
    return bounded(gate) * math::sigmoid(gate) * up;
  }
  /// d forward / d gate: (s + x s (1 - s)) up.
  WEFT_HOST_DEVICE static float gate_derivative(float gate, float up) {
    const float s = math::sigmoid(gate);
    return (s + bounded(gate) * s * (1.0F - s)) * up;
  }
  /// d forward / d up.
  WEFT_HOST_DEVICE static float up_derivative(float gate) {
    return bounded(gate) * math::sigmoid(gate);
  }

 private:
  /// Below -128 silu is 0; the bound keeps a huge |x| from beating a sigmoid that is not quite 0.
  WEFT_HOST_DEVICE static float bounded(float x) { return x < -128.0F ? -128.0F : x; }
};

}  // namespace weft::kernels::inline WEFT_ISA
