#include "weft/kernels/tile_product.hpp"

namespace weft::kernels {

namespace {

// Eight floats in one AVX2 register, loaded and stored at any float's address.
typedef float Float8 __attribute__((vector_size(32), aligned(4), may_alias));

constexpr int64_t kColumns = 16;  // two registers
constexpr int64_t kRows = 6;      // 12 of 16 registers accumulate

/// kM rows x 16 columns of C.
template <int kM>
void micro_product(int64_t k_size, StridedMatrix a, RowMatrix<const float> b, RowMatrix<float> c,
                   bool accumulate) {
  Float8 sum[kM][2];
#pragma GCC unroll 6
  for (int i = 0; i < kM; ++i) {
    const float* row = c.data + i * c.stride;
    sum[i][0] = accumulate ? *reinterpret_cast<const Float8*>(row) : Float8{};
    sum[i][1] = accumulate ? *reinterpret_cast<const Float8*>(row + 8) : Float8{};
  }
  const float* a_k = a.data;
  const float* b_k = b.data;
  for (int64_t k = 0; k < k_size; ++k) {
    const Float8 b0 = *reinterpret_cast<const Float8*>(b_k);
    const Float8 b1 = *reinterpret_cast<const Float8*>(b_k + 8);
#pragma GCC unroll 6
    for (int i = 0; i < kM; ++i) {
      const float scalar = a_k[i * a.row];
      sum[i][0] += scalar * b0;
      sum[i][1] += scalar * b1;
    }
    a_k += a.column;
    b_k += b.stride;
  }
#pragma GCC unroll 6
  for (int i = 0; i < kM; ++i) {
    float* row = c.data + i * c.stride;
    *reinterpret_cast<Float8*>(row) = sum[i][0];
    *reinterpret_cast<Float8*>(row + 8) = sum[i][1];
  }
}

}  // namespace

void tile_product(TileSize size, StridedMatrix a, RowMatrix<const float> b, RowMatrix<float> c,
                  bool accumulate) {
  for (int64_t j = 0; j < size.n; j += kColumns) {
    const RowMatrix<const float> b_panel{b.data + j, b.stride};
    for (int64_t i = 0; i < size.m; i += kRows) {
      const StridedMatrix a_rows{a.data + i * a.row, a.row, a.column};
      const RowMatrix<float> c_tile{c.data + i * c.stride + j, c.stride};
      switch (size.m - i) {
        case 1:
          micro_product<1>(size.k, a_rows, b_panel, c_tile, accumulate);
          break;
        case 2:
          micro_product<2>(size.k, a_rows, b_panel, c_tile, accumulate);
          break;
        case 3:
          micro_product<3>(size.k, a_rows, b_panel, c_tile, accumulate);
          break;
        case 4:
          micro_product<4>(size.k, a_rows, b_panel, c_tile, accumulate);
          break;
        case 5:
          micro_product<5>(size.k, a_rows, b_panel, c_tile, accumulate);
          break;
        default:
          micro_product<6>(size.k, a_rows, b_panel, c_tile, accumulate);
          break;
      }
    }
  }
}

}  // namespace weft::kernels
