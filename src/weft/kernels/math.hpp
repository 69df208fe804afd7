#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "weft/base/philox.hpp"
#include "weft/kernels/isa.hpp"

// Scalar functions that mean the same in host and device code. What std:: offers under g++ and what
// nvcc offers in device code differ; functors use only these names.

#if defined(__CUDA_ARCH__)
/// What a GPU has one instruction for: within 2 ulp where neither argument nor result is denormal.
/// Denormal numbers count as 0.
namespace weft::kernels::inline WEFT_ISA::math::device {

__device__ inline float reciprocal(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
__device__ inline float sqrt(float x) {
  float result;
  asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
__device__ inline float power_of_two(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
/// x within [low, high]; NaN stays NaN.
__device__ inline float clamped(float x, float low, float high) {
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(x), "f"(low));
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(result), "f"(high));
  return result;
}

}  // namespace weft::kernels::inline WEFT_ISA::math::device
#endif

namespace weft::kernels::inline WEFT_ISA::math {

WEFT_HOST_DEVICE inline float sqrt(float x) { return ::sqrtf(x); }
WEFT_HOST_DEVICE inline float log(float x) { return ::logf(x); }
WEFT_HOST_DEVICE inline float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
WEFT_HOST_DEVICE inline double sqrt(double x) { return ::sqrt(x); }
WEFT_HOST_DEVICE inline double log(double x) { return ::log(x); }
WEFT_HOST_DEVICE inline double cos(double x) { return ::cos(x); }

/// 1 / x, a / b and the square root, exactly rounded on the host. A GPU takes as many instructions
/// for that as for the rest of an element: there they are within 2, 3 and 2 ulp (4e-7), and
/// denormal numbers count as 0.
WEFT_HOST_DEVICE inline float reciprocal(float x) {
#if defined(__CUDA_ARCH__)
  return device::reciprocal(x);
#else
  return 1.0F / x;
#endif
}
WEFT_HOST_DEVICE inline float quotient(float a, float b) {
#if defined(__CUDA_ARCH__)
  return a * device::reciprocal(b);
#else
  return a / b;
#endif
}
WEFT_HOST_DEVICE inline float root(float x) {
#if defined(__CUDA_ARCH__)
  return device::sqrt(x);
#else
  return ::sqrtf(x);
#endif
}

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
/// every processor with fused multiply-add. Below -87.3 the result is exactly 0, above 88.3 it
/// stays at e^88.3 (2.3e38) instead of becoming infinite; NaN stays NaN. A GPU has an instruction
/// for 2^x (within 2 ulp); what is lost when x is brought to that base is put back, so that it is
/// within 3 ulp (4e-7), and 0 below -87.34.
WEFT_HOST_DEVICE inline float exp(float x) {
#if defined(__CUDA_ARCH__)
  constexpr float kInverseLn2 = 1.442695041F;
  constexpr float kInverseLn2Rest = 1.925963033e-08F;  // 1 / ln 2 - kInverseLn2
  constexpr float kLn2 = 0.693147181F;
  const float within = device::clamped(x, -200.0F, 88.3F);
  const float exponent = within * kInverseLn2;
  const float lost = fma(within, kInverseLn2Rest, fma(within, kInverseLn2, -exponent));
  const float power = device::power_of_two(exponent);
  return fma(power, lost * kLn2, power);
#else
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
#endif
}

/// 1 / (1 + e^-x).
WEFT_HOST_DEVICE inline float sigmoid(float x) { return reciprocal(1.0F + exp(-x)); }

}  // namespace weft::kernels::inline WEFT_ISA::math
