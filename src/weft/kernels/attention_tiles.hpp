#pragma once

#include <cstdint>

#include "weft/kernels/dropout.hpp"
#include "weft/kernels/tile_product.hpp"

// Data movement of attention's tiles on the CPU.

namespace weft::kernels {

inline constexpr int64_t kQueries = 64;  ///< queries of a tile: a multiple of 16
inline constexpr int64_t kKeys = 96;     ///< keys of a tile: a multiple of 4 and of 6

/// `columns` rounded up to whole panels of tile_product.
constexpr int64_t padded(int64_t columns) { return (columns + 15) / 16 * 16; }

/// to[r, d] = from[r, d] for r < rows and d < columns; 0 in the other places of
/// [total_rows, padded(columns)].
void copy_rows(RowMatrix<const float> from, int64_t rows, int64_t total_rows, int64_t columns,
               RowMatrix<float> to);

/// to[r, d] = from[r, d] for r < rows and d < columns; nothing else is written.
void store_rows(RowMatrix<const float> from, int64_t rows, int64_t columns, RowMatrix<float> to);

/// to[d, r] = from[r, d] for r < rows and d < columns.
void transpose(RowMatrix<const float> from, int64_t rows, int64_t columns, RowMatrix<float> to);

/// Elements first + r * row + c of a sample, for r < rows and c < columns.
struct DropoutTile {
  int64_t first;
  int64_t row;
  int64_t rows;
  int64_t columns;
};

/// factors[c * kQueries + r] = dropout factor of element (r, c); 1 for rows beyond tile.rows.
void dropout_factors(const Dropout& dropout, uint64_t sample, const DropoutTile& tile,
                     float* factors);

}  // namespace weft::kernels
