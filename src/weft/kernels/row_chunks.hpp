#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "weft/kernels/isa.hpp"
#include "weft/kernels/parallel.hpp"

// Sums over the rows of a matrix: rows are cut into chunks of 64, each chunk is summed in row order
// into its own partial row, and the partial rows are added in chunk order.

namespace weft::kernels::inline WEFT_ISA {

inline constexpr int64_t kChunkRows = 64;

/// Bytes of the partial rows of `width` sums over `rows` rows.
inline size_t row_chunk_bytes(int64_t rows, int64_t width) {
  const int64_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  return static_cast<size_t>(chunks * width) * sizeof(float);
}

/// Fills partials[chunk][width]: `add_row(row, sums)` adds a row to its chunk's sums.
template <typename AddRow>
void sum_row_chunks(int64_t rows, int64_t width, float* partials, const AddRow& add_row) {
  parallel_pieces(rows, kChunkRows, [=](int64_t begin, int64_t end) {
    float* sums = partials + begin / kChunkRows * width;
    std::fill(sums, sums + width, 0.0F);
    for (int64_t row = begin; row < end; ++row) add_row(row, sums);
  });
}

/// y[i] += the sum over chunks of partials[chunk][first + i] for i in [0, count).
inline void add_row_chunks(int64_t rows, int64_t width, int64_t first, int64_t count,
                           const float* partials, float* y) {
  const int64_t chunks = (rows + kChunkRows - 1) / kChunkRows;
  constexpr int64_t kColumns = 256;
  parallel_pieces(count, kColumns, [=](int64_t begin, int64_t end) {
    float sums[kColumns] = {};
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      const float* partial = partials + chunk * width + first + begin;
      for (int64_t i = 0; i < end - begin; ++i) sums[i] += partial[i];
    }
    for (int64_t i = 0; i < end - begin; ++i) y[begin + i] += sums[i];
  });
}

}  // namespace weft::kernels::inline WEFT_ISA
