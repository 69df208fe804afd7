#include "weft/kernels/tile_product.hpp"

#include "weft/kernels/attention_lanes.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

// Rows and registers of columns of the largest micro-kernel: 24 of 32 registers accumulate on
// AVX-512, 12 of 16 on AVX2.
constexpr int64_t kRows = 6;
#if defined(__AVX512F__)
constexpr int64_t kRegisters = 4;
#else
constexpr int64_t kRegisters = 2;
#endif

inline Floats multiply_add(float a, Floats b, Floats sum) { return broadcast(a) * b + sum; }

inline Floats load_places(const float* from) { return load_floats(from); }

#if defined(__AVX512BF16__)
inline __m512bh load_places(const BFloat16Pair* from) {
  return reinterpret_cast<__m512bh>(_mm512_loadu_si512(from));
}

inline Floats multiply_add(BFloat16Pair a, __m512bh b, Floats sum) {
  const auto bits = static_cast<int>(a.of[0].bits | static_cast<uint32_t>(a.of[1].bits) << 16);
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(_mm512_set1_epi32(bits)), b);
}
#endif

/// kM rows x kN registers of C, which is asked for before the sum and needed only after it.
/// (Inlined, its many copies would share one frame full of spilled addresses.)
template <int kM, int kN, typename P>
[[gnu::noinline]] void micro_product(int64_t k_size, const P* __restrict a, int64_t a_row,
                                     int64_t a_column, const P* __restrict b, int64_t b_stride,
                                     float* __restrict c, int64_t c_stride, bool accumulate) {
  for (int i = 0; i < kM; ++i) {
    for (int j = 0; j < kN; ++j) __builtin_prefetch(c + i * c_stride + j * kWidth, 1);
  }
  Floats sum[kM][kN] = {};
  for (int64_t k = 0; k < k_size; ++k) {
    decltype(load_places(b)) b_row[kN];
#pragma GCC unroll 4
    for (int j = 0; j < kN; ++j) b_row[j] = load_places(b + j * kWidth);
#pragma GCC unroll 6
    for (int i = 0; i < kM; ++i) {
      const P place = a[i * a_row];
#pragma GCC unroll 4
      for (int j = 0; j < kN; ++j) sum[i][j] = multiply_add(place, b_row[j], sum[i][j]);
    }
    a += a_column;
    b += b_stride;
  }
  if (accumulate) {
#pragma GCC unroll 6
    for (int i = 0; i < kM; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kN; ++j) sum[i][j] += load_floats(c + i * c_stride + j * kWidth);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < kM; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kN; ++j) store_floats(c + i * c_stride + j * kWidth, sum[i][j]);
  }
}

/// micro_product for rows <= kM and registers <= kN.
template <int kM, int kN, typename P>
inline void product_of_block(int64_t rows, int64_t registers, int64_t k_size,
                             const StridedMatrix<P>& a, const RowMatrix<const P>& b,
                             const RowMatrix<float>& c, bool accumulate) {
  if constexpr (kM > 1) {
    if (rows < kM) {
      return product_of_block<kM - 1, kN, P>(rows, registers, k_size, a, b, c, accumulate);
    }
  }
  if constexpr (kN > 1) {
    if (registers < kN) {
      return product_of_block<kM, kN - 1, P>(rows, registers, k_size, a, b, c, accumulate);
    }
  }
  micro_product<kM, kN>(k_size, a.data, a.row, a.column, b.data, b.stride, c.data, c.stride,
                        accumulate);
}

/// The part of a row of blocks that causality leaves: columns from `column` on, k in [begin, end).
struct Part {
  int64_t column;
  int64_t begin;
  int64_t end;
};

/// What is left of rows [i, i + rows).
template <typename P>
Part part_of(const Causal& causal, int64_t k, int64_t i, int64_t rows) {
  switch (causal.part) {
    case Causal::Part::all:
      break;
    case Causal::Part::keys_by_queries:
      return {i > causal.offset ? i - causal.offset : 0, 0, k};
    case Causal::Part::sum_over_keys: {
      const int64_t end = (i + rows - 1 + causal.offset) / kElements<P> + 1;
      return {0, 0, end < k ? end : k};
    }
    case Causal::Part::sum_over_queries:
      return {0, i > causal.offset ? (i - causal.offset) / kElements<P> : 0, k};
  }
  return {0, 0, k};
}

}  // namespace

template <typename P>
[[gnu::nothrow]] void tile_product(TileSize size, StridedMatrix<P> a, RowMatrix<const P> b,
                                   RowMatrix<float> c, Causal causal, bool accumulate) {
  // Columns in blocks of equal width: the fewest that kRegisters allows.
  const int64_t registers = size.n / kWidth;
  const int64_t blocks = (registers + kRegisters - 1) / kRegisters;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t block_begin = registers * block / blocks;
    const int64_t block_end = registers * (block + 1) / blocks;
    for (int64_t i = 0; i < size.m; i += kRows) {
      const int64_t rows = size.m - i < kRows ? size.m - i : kRows;
      const Part part = part_of<P>(causal, size.k, i, rows);
      const int64_t first = part.column / kWidth;
      const int64_t begin = first > block_begin ? first : block_begin;
      if (begin >= block_end) continue;
      const int64_t j = begin * kWidth;
      product_of_block<kRows, kRegisters, P>(
          rows, block_end - begin, part.end - part.begin,
          {a.data + i * a.row + part.begin * a.column, a.row, a.column},
          {b.data + part.begin * b.stride + j, b.stride}, {c.data + i * c.stride + j, c.stride},
          accumulate);
    }
  }
}

template void tile_product(TileSize, StridedMatrix<float>, RowMatrix<const float>, RowMatrix<float>,
                           Causal, bool);
#if defined(__AVX512BF16__)
template void tile_product(TileSize, StridedMatrix<BFloat16Pair>, RowMatrix<const BFloat16Pair>,
                           RowMatrix<float>, Causal, bool);
#endif

}  // namespace weft::kernels::cpu::inline WEFT_ISA
