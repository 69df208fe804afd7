#include "weft/kernels/tile_product.hpp"

#include "weft/kernels/attention_lanes.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

// Rows and registers of columns of a micro-kernel: of 32 registers 16 accumulate on AVX-512, of 16
// registers 12 on AVX2.
#if defined(__AVX512F__)
constexpr int64_t kRows = 8;
#else
constexpr int64_t kRows = 6;
#endif
constexpr int64_t kRegisters = 2;

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

/// kM rows x kN registers of C.
template <int kM, int kN, typename P>
void micro_product(int64_t k_size, StridedMatrix<P> a, RowMatrix<const P> b, RowMatrix<float> c,
                   bool accumulate) {
  Floats sum[kM][kN];
#pragma GCC unroll 8
  for (int i = 0; i < kM; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kN; ++j) {
      sum[i][j] = accumulate ? load_floats(c.data + i * c.stride + j * kWidth) : Floats{};
    }
  }
  const P* a_k = a.data;
  const P* b_k = b.data;
  for (int64_t k = 0; k < k_size; ++k) {
    decltype(load_places(b_k)) b_row[kN];
#pragma GCC unroll 2
    for (int j = 0; j < kN; ++j) b_row[j] = load_places(b_k + j * kWidth);
#pragma GCC unroll 8
    for (int i = 0; i < kM; ++i) {
      const P place = a_k[i * a.row];
#pragma GCC unroll 2
      for (int j = 0; j < kN; ++j) sum[i][j] = multiply_add(place, b_row[j], sum[i][j]);
    }
    a_k += a.column;
    b_k += b.stride;
  }
#pragma GCC unroll 8
  for (int i = 0; i < kM; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kN; ++j) store_floats(c.data + i * c.stride + j * kWidth, sum[i][j]);
  }
}

/// micro_product for `rows` <= kM rows.
template <int kM, int kN, typename P>
void product_of_rows(int64_t rows, int64_t k_size, const StridedMatrix<P>& a,
                     const RowMatrix<const P>& b, const RowMatrix<float>& c, bool accumulate) {
  if constexpr (kM > 1) {
    if (rows < kM) return product_of_rows<kM - 1, kN, P>(rows, k_size, a, b, c, accumulate);
  }
  micro_product<kM, kN>(k_size, a, b, c, accumulate);
}

/// The places of k that count for a block of the product.
struct Range {
  int64_t begin;
  int64_t end;
};

/// For rows [i, i + rows) and columns [j, j + columns); empty where the block is left out.
template <typename P>
Range range_of(const Causal& causal, int64_t k, int64_t i, int64_t rows, int64_t j,
               int64_t columns) {
  switch (causal.part) {
    case Causal::Part::all:
      break;
    case Causal::Part::keys_by_queries:
      if (i > j + columns - 1 + causal.offset) return {0, 0};
      break;
    case Causal::Part::sum_over_keys: {
      const int64_t end = (i + rows - 1 + causal.offset) / kElements<P> + 1;
      return {0, end < k ? end : k};
    }
    case Causal::Part::sum_over_queries: {
      const int64_t begin = (i - causal.offset) / kElements<P>;
      return {begin > 0 ? begin : 0, k};
    }
  }
  return {0, k};
}

/// The columns [j, j + kN registers).
template <int kN, typename P>
void product_of_columns(int64_t j, TileSize size, StridedMatrix<P> a, RowMatrix<const P> b,
                        RowMatrix<float> c, Causal causal, bool accumulate) {
  for (int64_t i = 0; i < size.m; i += kRows) {
    const int64_t rows = size.m - i < kRows ? size.m - i : kRows;
    const Range k = range_of<P>(causal, size.k, i, rows, j, kN * kWidth);
    if (k.begin >= k.end && causal.part != Causal::Part::all) continue;
    product_of_rows<kRows, kN, P>(rows, k.end - k.begin,
                                  {a.data + i * a.row + k.begin * a.column, a.row, a.column},
                                  {b.data + k.begin * b.stride + j, b.stride},
                                  {c.data + i * c.stride + j, c.stride}, accumulate);
  }
}

}  // namespace

template <typename P>
void tile_product(TileSize size, StridedMatrix<P> a, RowMatrix<const P> b, RowMatrix<float> c,
                  Causal causal, bool accumulate) {
  int64_t j = 0;
  for (; j + kRegisters * kWidth <= size.n; j += kRegisters * kWidth) {
    product_of_columns<kRegisters>(j, size, a, b, c, causal, accumulate);
  }
  for (; j < size.n; j += kWidth) product_of_columns<1>(j, size, a, b, c, causal, accumulate);
}

template void tile_product(TileSize, StridedMatrix<float>, RowMatrix<const float>, RowMatrix<float>,
                           Causal, bool);
#if defined(__AVX512BF16__)
template void tile_product(TileSize, StridedMatrix<BFloat16Pair>, RowMatrix<const BFloat16Pair>,
                           RowMatrix<float>, Causal, bool);
#endif

}  // namespace weft::kernels::cpu::inline WEFT_ISA
