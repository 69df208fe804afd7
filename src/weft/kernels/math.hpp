#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "weft/base/philox.hpp"
#include "weft/kernels/isa.hpp"

// Scalar functions that mean the same in host and device code. What std:: offers under g++ and what
// nvcc offers in device code differ; functors use only these names.

namespace weft::kernels::inline WEFT_ISA::math {

WEFT_HOST_DEVICE inline float sqrt(float x) { return ::sqrtf(x); }
WEFT_HOST_DEVICE inline float log(float x) { return ::logf(x); }
WEFT_HOST_DEVICE inline float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
WEFT_HOST_DEVICE inline double sqrt(double x) { return ::sqrt(x); }
WEFT_HOST_DEVICE inline double log(double x) { return ::log(x); }
WEFT_HOST_DEVICE inline double cos(double x) { return ::cos(x); }

/// Larger of two numbers; `a` when `b` is NaN.
WEFT_HOST_DEVICE inline float max(float a, float b) { return b > a ? b : a; }

WEFT_HOST_DEVICE inline uint32_t bits_of(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(x);
#else
  return std::bit_cast<uint32_t>(x);
#endif
}

WEFT_HOST_DEVICE inline float float_of(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

/// e^x within 1.1 ulp on [-87.3, 88.3], in operations that vectorise and give the same bits on
/// every target with fused multiply-add. Below -87.3 the result is exactly 0, above 88.3 it stays
/// at e^88.3 (2.3e38) instead of becoming infinite; NaN stays NaN.
WEFT_HOST_DEVICE inline float exp(float x) {
  constexpr float kLowest = -87.3F;
  constexpr float kHighest = 88.3F;
  constexpr float kLog2E = 1.442695041F;
  constexpr float kLn2High = 0.693145752F;        // 9 trailing zero bits: n * kLn2High is exact
  constexpr float kLn2Low = 1.428606820e-06F;     // ln 2 - kLn2High
  constexpr float kRoundToInteger = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  // Comparisons are written so that NaN passes through them.
  const float clamped_low = x < kLowest ? kLowest : x;
  const float clamped = clamped_low > kHighest ? kHighest : clamped_low;
  const float shifted = fma(clamped, kLog2E, kRoundToInteger);
  const float n = shifted - kRoundToInteger;
  const float r = fma(n, -kLn2Low, fma(n, -kLn2High, clamped));
  // e^r = 1 + r + r^2 q(r) on |r| <= ln 2 / 2; q interpolates at the Chebyshev points of degree 4.
  float q = fma(r, 1.392621347e-03F, 8.363202972e-03F);
  q = fma(q, r, 4.166655444e-02F);
  q = fma(q, r, 1.666657685e-01F);
  q = fma(q, r, 0.5F);
  const float e_r = fma(q, r * r, r) + 1.0F;
  const uint32_t exponent = bits_of(shifted) - bits_of(kRoundToInteger);
  const float power = float_of((exponent + 127u) << 23);
  return x < kLowest ? 0.0F : e_r * power;
}

/// 1 / (1 + e^-x).
WEFT_HOST_DEVICE inline float sigmoid(float x) { return 1.0F / (1.0F + exp(-x)); }

}  // namespace weft::kernels::inline WEFT_ISA::math
