#pragma once

#include <immintrin.h>

#include <cstdint>

#include "weft/kernels/element.hpp"

// Vectors of floats as wide as the instruction set's registers, for the loops of attention. Sums
// and products are written with operators; a * b + c is one fused multiply-add.

namespace weft::kernels::inline WEFT_ISA {

#if defined(__AVX512F__)
using Floats = __m512;
// Masks of all lanes: g++ 12 warns of the undefined register in the intrinsics without a mask.
inline constexpr __mmask16 kAllLanes = 0xFFFF;
#else
using Floats = __m256;
#endif

inline constexpr int64_t kWidth = sizeof(Floats) / sizeof(float);

inline Floats load_floats(const float* from) {
#if defined(__AVX512F__)
  return _mm512_loadu_ps(from);
#else
  return _mm256_loadu_ps(from);
#endif
}

inline void store_floats(float* to, Floats x) {
#if defined(__AVX512F__)
  _mm512_storeu_ps(to, x);
#else
  _mm256_storeu_ps(to, x);
#endif
}

inline Floats broadcast(float x) {
#if defined(__AVX512F__)
  return _mm512_set1_ps(x);
#else
  return _mm256_set1_ps(x);
#endif
}

/// The larger of each pair; b where either is NaN.
inline Floats max(Floats a, Floats b) { return a > b ? a : b; }

/// x in the lanes from `first` (0 to kWidth) on, `otherwise` in those before.
inline Floats from_lane(int64_t first, Floats x, Floats otherwise) {
#if defined(__AVX512F__)
  return _mm512_mask_mov_ps(otherwise, static_cast<__mmask16>(0xFFFFU << first), x);
#else
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i before = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(first)), lane);
  return _mm256_blendv_ps(x, otherwise, _mm256_castsi256_ps(before));
#endif
}

/// 2^x for x <= 127, within 2.5e-7 of it relatively. Below -126 it stays at 2^-126; NaN stays NaN.
inline Floats exp2(Floats x) {
  // 1 + r q(r) on |r| <= 1/2; q interpolates (2^r - 1) / r at the Chebyshev points of degree 4.
  const Floats clamped = max(broadcast(-126.0F), x);
  const Floats shifted = clamped + broadcast(12582912.0F);  // 1.5 * 2^23 rounds to an integer n
  const Floats r = clamped - (shifted - broadcast(12582912.0F));
  Floats p = broadcast(1.338130212e-03F) * r + broadcast(9.666368365e-03F);
  p = p * r + broadcast(5.550381169e-02F);
  p = p * r + broadcast(2.402234972e-01F);
  p = p * r + broadcast(6.931471825e-01F);
  p = p * r + broadcast(1.0F);
  // The low bits of `shifted` hold n, which is added to the exponent.
#if defined(__AVX512F__)
  const __m512i n = _mm512_maskz_slli_epi32(kAllLanes, _mm512_castps_si512(shifted), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), n));
#else
  const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n));
#endif
}

/// Elements of tensors as floats.
inline Floats load_floats(const BFloat16* from) {
#if defined(__AVX512F__)
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  const __m512i wide = _mm512_maskz_cvtepu16_epi32(kAllLanes, halves);
  return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(kAllLanes, wide, 16));
#else
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
#endif
}

inline Floats load_floats(const Float16* from) {
#if defined(__AVX512F__)
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return _mm512_maskz_cvtph_ps(kAllLanes, halves);
#else
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#endif
}

/// Rounds to the nearest f16, ties to even, as to_float16 does.
inline void store_floats(Float16* to, Floats x) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
#if defined(__AVX512F__)
  const __m256i halves = _mm512_maskz_cvtps_ph(kAllLanes, x, kNearest);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), halves);
#else
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(x, kNearest));
#endif
}

}  // namespace weft::kernels::inline WEFT_ISA
