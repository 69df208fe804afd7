#pragma once

#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/packs.hpp"
#include "weft/kernels/rms_norm_math.hpp"

// Sums over the rows of a matrix for GPU threads, in the order of row_chunks.hpp: a thread sums one
// column of 64 rows, then one column of the partial sums. No order depends on the number of
// threads.

namespace weft::kernels::inline WEFT_ISA {

inline constexpr int64_t kColumnChunkRows = 64;

/// partials[chunk][column] = sum of term(row, column) over the rows of the chunk. Term is one of
/// those below.
template <typename Term>
struct ColumnChunks {
  Term term;
  float* partials;
  int64_t rows;
  int64_t columns;

  int64_t num_chunks() const { return (rows + kColumnChunkRows - 1) / kColumnChunkRows; }
  WEFT_HOST_DEVICE void operator()(int64_t chunk, int64_t column) const {
    const int64_t begin = chunk * kColumnChunkRows;
    const int64_t end = begin + kColumnChunkRows < rows ? begin + kColumnChunkRows : rows;
    float sum = 0.0F;
    for (int64_t row = begin; row < end; ++row) sum += term(row, column);
    partials[chunk * columns + column] = sum;
  }
};

/// y[column] += the sum over chunks of partials[chunk][column].
struct ColumnFold {
  const float* partials;
  float* y;
  int64_t chunks;
  int64_t columns;

  WEFT_HOST_DEVICE void operator()(int64_t column) const {
    float sum = 0.0F;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += partials[chunk * columns + column];
    y[column] += sum;
  }
};

/// x: the gradient of a bias, and of a layer norm's beta.
template <typename T>
struct ColumnTerm {
  const T* x_TN;
  int64_t columns;

  WEFT_HOST_DEVICE float operator()(int64_t row, int64_t column) const {
    return as_float(x_TN[row * columns + column]);
  }
};

/// dy xhat: the gradient of a layer norm's gamma.
template <typename T>
struct LayerNormGammaTerm {
  const T* dy_TH;
  const T* x_TH;
  const float* mean_T;
  const float* rstd_T;
  int64_t hidden;

  WEFT_HOST_DEVICE float operator()(int64_t row, int64_t column) const {
    const int64_t at = row * hidden + column;
    return as_float(dy_TH[at]) *
           LayerNormRow{mean_T[row], rstd_T[row]}.normalized(as_float(x_TH[at]));
  }
};

/// dy xhat: the gradient of an RMS norm's gamma.
template <typename T>
struct RmsNormGammaTerm {
  const T* dy_TH;
  const T* x_TH;
  const float* rstd_T;
  int64_t hidden;

  WEFT_HOST_DEVICE float operator()(int64_t row, int64_t column) const {
    const int64_t at = row * hidden + column;
    return as_float(dy_TH[at]) * RmsNormRow{rstd_T[row]}.normalized(as_float(x_TH[at]));
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
