#pragma once

#include <cstdint>

#include "weft/kernels/isa.hpp"
#include "weft/tensor/low_precision.hpp"

// Small matrix products in cache, for attention: C (+)= A B in f32. A and B hold places of 32 bits
// along k: one f32, or two successive bf16 (BFloat16Pair), so that one loop serves both. A is any
// strided matrix; B and C are row-major with a multiple of 16 columns. Every element of A B is one
// chain of multiply-adds over k in order, whatever the block it falls into, and is added to C once.

namespace weft::kernels {

/// Elements 2 k and 2 k + 1 of a row or column of bf16.
struct BFloat16Pair {
  BFloat16 of[2];
};

/// Elements of k in one place.
template <typename P>
inline constexpr int64_t kElements = 1;
template <>
inline constexpr int64_t kElements<BFloat16Pair> = 2;

/// A(i, k) = data[i * row + k * column].
template <typename P>
struct StridedMatrix {
  const P* data;
  int64_t row;
  int64_t column;
};

/// Rows of contiguous columns, `stride` places apart.
template <typename P>
struct RowMatrix {
  P* data;
  int64_t stride;
};

/// m x n x k; n is a multiple of 16, k counts places.
struct TileSize {
  int64_t m;
  int64_t n;
  int64_t k;
};

/// What causality leaves of a product on the diagonal of the scores. Key c of a tile counts for
/// query r when c <= r + offset.
struct Causal {
  enum class Part : uint8_t {
    all,
    keys_by_queries,  ///< rows are keys, columns queries: outputs off the diagonal are not computed
    sum_over_keys,    ///< rows are queries: k ends at the row's last key
    sum_over_queries,  ///< rows are keys: k begins at the row's first query
  };
  Part part = Part::all;
  int64_t offset = 0;
};

namespace cpu::inline WEFT_ISA {

/// C = A B, or C += A B. Exists for float and, on v4, for BFloat16Pair. What `causal` excludes is
/// left out in whole blocks of the micro-kernel: places within a block count, and must hold zeros.
template <typename P>
[[gnu::nothrow]] void tile_product(TileSize size, StridedMatrix<P> a, RowMatrix<const P> b,
                                   RowMatrix<float> c, Causal causal, bool accumulate);

}  // namespace cpu::inline WEFT_ISA

}  // namespace weft::kernels
