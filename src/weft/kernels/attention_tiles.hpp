#pragma once

#include <immintrin.h>

#include <cstdint>
#include <type_traits>

#include "weft/kernels/attention_lanes.hpp"
#include "weft/kernels/attention_scratch.hpp"
#include "weft/kernels/element.hpp"

// Data movement of attention's tiles on the CPU: rows of tensors to matrices of places
// (tile_product.hpp) and back.

namespace weft::kernels::inline WEFT_ISA {

/// Rows of a tensor's elements, `stride` elements apart.
template <typename T>
struct ElementRows {
  T* data;
  int64_t stride;

  T* row(int64_t r) const { return data + r * stride; }
};

/// Asks the cache for row r + kAhead, if it is one of `rows`: rows of a tensor lie too far apart
/// for the processor to foresee the next.
template <typename T>
inline void prefetch_row(ElementRows<T> from, int64_t r, int64_t rows, int64_t columns) {
  constexpr int64_t kAhead = 12;
  constexpr int64_t kLine = 64 / sizeof(T);
  if (r + kAhead >= rows) return;
  for (int64_t d = 0; d < columns; d += kLine) {
    __builtin_prefetch(from.row(r + kAhead) + d, std::is_const_v<T> ? 0 : 1);
  }
}

/// to[0, width) = from[0, columns), then zeros; `width` is a multiple of 16.
template <typename T>
inline void load_row(const T* from, int64_t columns, int64_t width, float* __restrict to) {
  int64_t d = 0;
  for (; d + kWidth <= columns; d += kWidth) store_floats(to + d, load_floats(from + d));
  for (; d < columns; ++d) to[d] = load(from[d]);
  for (; d < width; ++d) to[d] = 0.0F;
}

/// By rows: to[r, d] = from[r, d] for r < rows and d < columns, 0 in the other places of
/// [total_rows, padded(columns)].
template <typename T>
inline void load_rows(ElementRows<const T> from, int64_t rows, int64_t total_rows, int64_t columns,
                      float* to) {
  const int64_t width = padded(columns);
  for (int64_t r = 0; r < total_rows; ++r) {
    prefetch_row(from, r, rows, columns);
    load_row(from.row(r), r < rows ? columns : 0, width, to + r * width);
  }
}

inline void load_rows(ElementRows<const BFloat16> from, int64_t rows, int64_t total_rows,
                      int64_t columns, BFloat16Pair* to) {
  const int64_t width = padded(columns);
  for (int64_t r = 0; r < total_rows; ++r) {
    prefetch_row(from, r, rows, columns);
    const BFloat16* __restrict row = from.row(r);
    BFloat16* __restrict out = to[r * width / 2].of;
    const int64_t count = r < rows ? columns : 0;
    for (int64_t d = 0; d < count; ++d) out[d] = row[d];
    for (int64_t d = count; d < width; ++d) out[d] = {};
  }
}

/// By columns: the same elements with the places of f32, which hold one element each.
template <typename T>
inline void load_columns(ElementRows<const T> from, int64_t rows, int64_t total_rows,
                         int64_t columns, float* to) {
  load_rows(from, rows, total_rows, columns, to);
}

/// By columns: to[r / 2, d] = (from[r, d], from[r + 1, d]) for even r; zeros as in load_rows.
inline void load_columns(ElementRows<const BFloat16> from, int64_t rows, int64_t total_rows,
                         int64_t columns, BFloat16Pair* to) {
  const int64_t width = padded(columns);
  for (int64_t r = 0; r < total_rows; r += 2) {
    prefetch_row(from, r, rows, columns);
    prefetch_row(from, r + 1, rows, columns);
    const BFloat16* __restrict first = from.row(r);
    const BFloat16* __restrict second = from.row(r + 1);
    BFloat16Pair* __restrict out = to + r / 2 * width;
    int64_t d = 0;
    if (r + 1 < rows) {
      for (; d < columns; ++d) out[d] = {{first[d], second[d]}};
    } else if (r < rows) {
      for (; d < columns; ++d) out[d] = {{first[d], {}}};
    }
    for (; d < width; ++d) out[d] = {};
  }
}

/// to[d, r] = from[r, d] for the kQueries rows of `from` and its `columns` places, rounded up to a
/// multiple of 8 (the rows of both matrices have room for that).
template <typename P>
inline void transpose(const P* from, int64_t columns, int64_t stride, P* to) {
  static_assert(sizeof(P) == sizeof(float));
  for (int64_t r = 0; r < kQueries; r += 8) {
    for (int64_t d = 0; d < columns; d += 8) {
      __m256 row[8];
      __m256 half[8];
#pragma GCC unroll 8
      for (int64_t i = 0; i < 8; ++i) {
        row[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(from + (r + i) * stride + d));
      }
#pragma GCC unroll 4
      for (int64_t i = 0; i < 4; ++i) {
        half[2 * i] = _mm256_unpacklo_ps(row[2 * i], row[2 * i + 1]);
        half[2 * i + 1] = _mm256_unpackhi_ps(row[2 * i], row[2 * i + 1]);
      }
#pragma GCC unroll 2
      for (int64_t i = 0; i < 8; i += 4) {
        row[i] = _mm256_shuffle_ps(half[i], half[i + 2], 0x44);
        row[i + 1] = _mm256_shuffle_ps(half[i], half[i + 2], 0xEE);
        row[i + 2] = _mm256_shuffle_ps(half[i + 1], half[i + 3], 0x44);
        row[i + 3] = _mm256_shuffle_ps(half[i + 1], half[i + 3], 0xEE);
      }
#pragma GCC unroll 4
      for (int64_t i = 0; i < 4; ++i) {
        auto* out = reinterpret_cast<float*>(to + (d + i) * kQueries + r);
        _mm256_storeu_ps(out, _mm256_permute2f128_ps(row[i], row[i + 4], 0x20));
        _mm256_storeu_ps(out + 4 * kQueries, _mm256_permute2f128_ps(row[i], row[i + 4], 0x31));
      }
    }
  }
}

/// to[d] = factor * from[d] rounded to T, for d < columns.
template <typename T>
inline void store_row(const float* __restrict from, float factor, int64_t columns,
                      T* __restrict to) {
  int64_t d = 0;
  if constexpr (std::is_same_v<T, Float16>) {
    for (; d + kWidth <= columns; d += kWidth) {
      store_floats(to + d, broadcast(factor) * load_floats(from + d));
    }
  }
  for (; d < columns; ++d) to[d] = store<T>(factor * from[d]);
}

/// store_row for every row of a matrix whose rows are `stride` floats apart.
template <typename T>
inline void store_rows(const float* from, int64_t stride, float factor, int64_t rows,
                       int64_t columns, ElementRows<T> to) {
  for (int64_t r = 0; r < rows; ++r) {
    prefetch_row(to, r, rows, columns);
    store_row(from + r * stride, factor, columns, to.row(r));
  }
}

}  // namespace weft::kernels::inline WEFT_ISA
