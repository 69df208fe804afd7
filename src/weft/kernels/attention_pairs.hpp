#pragma once

#include "weft/kernels/attention_lanes.hpp"
#include "weft/kernels/attention_scratch.hpp"

// How probabilities and score gradients of two successive keys of a tile are stored for the
// products: as f32, or rounded to bf16 (to nearest, ties to even).

namespace weft::kernels::inline WEFT_ISA {

/// Whether some a exceeds its b.
inline bool any_greater(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0;
#else
  return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)) != 0;
#endif
}

/// Rows c and c + 1 of to_CR from column on; places hold one element.
inline void store_by_columns(Floats x0, Floats x1, float* to_CR, int64_t c, int64_t column) {
  store_floats(to_CR + c * kQueries + column, x0);
  store_floats(to_CR + (c + 1) * kQueries + column, x1);
}

inline void store_by_rows(Floats x0, Floats x1, float* to_CR, int64_t c, int64_t column) {
  store_by_columns(x0, x1, to_CR, c, column);
}

#if defined(__AVX512BF16__)
/// Row c / 2 of [C / 2, R] pairs of keys.
inline void store_by_columns(Floats x0, Floats x1, BFloat16Pair* to_CR, int64_t c, int64_t column) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const auto rounded = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x1, x0));
  _mm512_storeu_si512(to_CR + c / 2 * kQueries + column,
                      _mm512_maskz_permutexvar_epi16(0xFFFFFFFF, order, rounded));
}

/// Rows c and c + 1 of [C, R / 2] pairs of queries.
inline void store_by_rows(Floats x0, Floats x1, BFloat16Pair* to_CR, int64_t c, int64_t column) {
  auto* row = reinterpret_cast<__m256i*>(to_CR + (c * kQueries + column) / 2);
  auto* next_row = reinterpret_cast<__m256i*>(to_CR + ((c + 1) * kQueries + column) / 2);
  _mm256_storeu_si256(row, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x0)));
  _mm256_storeu_si256(next_row, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x1)));
}
#endif

}  // namespace weft::kernels::inline WEFT_ISA
