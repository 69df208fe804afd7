#pragma once

#include <cstdint>

// Small matrix products in cache, for attention: C (+)= A B where A is any strided matrix, and B
// and C are row-major with a multiple of 16 columns. Every element of C is one chain of fused
// multiply-adds over k in order, whatever the tile it falls into.

namespace weft::kernels {

/// A(i, k) = data[i * row + k * column].
struct StridedMatrix {
  const float* data;
  int64_t row;
  int64_t column;
};

/// Rows of contiguous columns, `stride` elements apart.
template <typename T>
struct RowMatrix {
  T* data;
  int64_t stride;
};

/// m x n x k; n is a multiple of 16.
struct TileSize {
  int64_t m;
  int64_t n;
  int64_t k;
};

/// C = A B, or C += A B.
void tile_product(TileSize size, StridedMatrix a, RowMatrix<const float> b, RowMatrix<float> c,
                  bool accumulate);

}  // namespace weft::kernels
