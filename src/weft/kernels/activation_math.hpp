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

/// The normal distribution at a point: Phi(x) = 0.5 (1 + erf(x / sqrt 2)) within 2.2e-7, and within
/// 8e-7 Phi(x) for x >= -5: small values keep their digits, as 1 + erf does not.
struct NormalPoint {
  float distribution;  ///< Phi(x)
  float exponential;   ///< exp(-x^2 / 2)

  WEFT_HOST_DEVICE explicit NormalPoint(float x) {
    const float size = x < 0.0F ? -x : x;
    exponential = math::exp(-0.5F * size * size);
    // Phi(-s) exp(s^2 / 2) = u q(u - 0.5), u = 1 / (1 + 0.26 s): q is the polynomial of least
    // relative error (2.1e-8) for s in [0, 13.3], beyond which the exponential is 0.
    const float u = math::reciprocal(math::fma(0.26F, size, 1.0F));
    const float v = u - 0.5F;
    float q = math::fma(v, 3.089608252e-02F, -3.115585633e-02F);
    q = math::fma(q, v, -6.985150278e-02F);
    q = math::fma(q, v, 1.475044619e-02F);
    q = math::fma(q, v, 1.914944649e-01F);
    q = math::fma(q, v, 3.433481157e-01F);
    q = math::fma(q, v, 3.811326027e-01F);
    q = math::fma(q, v, 3.099656701e-01F);
    q = math::fma(q, v, 1.956002861e-01F);
    const float tail = u * q * exponential;
    distribution = x < 0.0F ? tail : 1.0F - tail;
  }
};

/// GELU by the normal distribution function: x Phi(x) = 0.5 x (1 + erf(x / sqrt 2)).
struct GeluErf {
  WEFT_HOST_DEVICE static float forward(float x) { return x * NormalPoint(x).distribution; }
  /// Derivative at x: Phi(x) + x phi(x).
  WEFT_HOST_DEVICE static float derivative(float x) {
    const float low = x < -16.0F ? -16.0F : x;
    const float v = low > 16.0F ? 16.0F : low;
    const NormalPoint point(v);
    return point.distribution + v * kDensity * point.exponential;
  }

 private:
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
