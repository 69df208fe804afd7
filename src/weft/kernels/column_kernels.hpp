#pragma once

#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/packs.hpp"
#include "weft/kernels/rms_norm_math.hpp"

// Sums over the rows of a matrix for GPU threads, in chunks of 64 rows as in row_chunks.hpp: a
// thread sums a pack of columns of a chunk, then threads sum the partial rows. No order depends on
// the number of threads. Some terms give two sums in one pass.

namespace weft::kernels::inline WEFT_ISA {

inline constexpr int64_t kColumnChunkRows = 64;

/// partials[chunk][sum][column] = sum of the term's `sum` over the rows of the chunk. Term is one
/// of those below; a thread reads kUnroll rows at once.
template <typename Term>
struct ColumnChunks {
  static constexpr int kSums = Term::kSums;

  Term term;
  float* partials;
  int64_t rows;
  int64_t columns;

  int64_t num_chunks() const { return (rows + kColumnChunkRows - 1) / kColumnChunkRows; }

  /// Columns first .. first + N of a chunk. kUnroll rows are read before any is added.
  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t chunk, int64_t first) const {
    constexpr int kUnroll = Term::kUnroll;
    const int64_t begin = chunk * kColumnChunkRows;
    const int64_t end = begin + kColumnChunkRows < rows ? begin + kColumnChunkRows : rows;
    float sums[kSums][N] = {};
    int64_t row = begin;
    for (; row + kUnroll <= end; row += kUnroll) {
      typename Term::template Packs<N> packs[kUnroll];
      WEFT_UNROLL
      for (int i = 0; i < kUnroll; ++i) {
        packs[i] = term.template read<N>(row + i, (row + i) * columns + first);
      }
      WEFT_UNROLL
      for (int i = 0; i < kUnroll; ++i) term.template add<N>(packs[i], sums);
    }
    for (; row < end; ++row) {
      term.template add<N>(term.template read<N>(row, row * columns + first), sums);
    }
    for (int sum = 0; sum < kSums; ++sum) {
      store_pack<N>(partials, (chunk * kSums + sum) * columns + first, sums[sum]);
    }
  }
};

/// y[column] += the sum over chunks of partials[chunk][column]: kSlices threads each sum every
/// kSlices-th chunk, and their sums are added in order.
struct ColumnFold {
  static constexpr int kSlices = 16;

  const float* partials;
  float* y;
  int64_t chunks;
  int64_t columns;
  int64_t stride;  ///< floats between chunks

  WEFT_HOST_DEVICE float slice(int64_t column, int slice) const {
    float sum = 0.0F;
#if defined(__CUDA_ARCH__)
#pragma unroll 8
#endif
    for (int64_t chunk = slice; chunk < chunks; chunk += kSlices) {
      sum += partials[chunk * stride + column];
    }
    return sum;
  }
  WEFT_HOST_DEVICE void add(int64_t column, const float (&slices)[kSlices]) const {
    float sum = 0.0F;
    for (const float slice : slices) sum += slice;
    y[column] += sum;
  }
};

/// x: the gradient of a bias.
template <typename T>
struct ColumnTerm {
  static constexpr int kSums = 1;
  static constexpr int kPack = kPackOf<T>;
  static constexpr int kUnroll = 8;

  const T* x_TN;

  template <int N>
  struct Packs {
    Pack<T, N> x;
  };
  template <int N>
  WEFT_HOST_DEVICE Packs<N> read(int64_t /*row*/, int64_t first) const {
    return {pack_at<N>(x_TN, first)};
  }
  template <int N>
  WEFT_HOST_DEVICE void add(const Packs<N>& packs, float (&sums)[1][N]) const {
    for (int i = 0; i < N; ++i) sums[0][i] += as_float(packs.x.at[i]);
  }
};

/// dy xhat and dy: the gradients of a layer norm's gamma and beta. X is the type of the residual
/// stream.
template <typename T, typename X = T>
struct LayerNormWeightTerm {
  static constexpr int kSums = 2;
  static constexpr int kPack = kPackOf<T>;
  static constexpr int kUnroll = 4;

  const T* dy_TH;
  const X* x_TH;
  const float* mean_T;
  const float* rstd_T;

  template <int N>
  struct Packs {
    Pack<T, N> dy;
    Pack<X, N> x;
    LayerNormRow stats;
  };
  template <int N>
  WEFT_HOST_DEVICE Packs<N> read(int64_t row, int64_t first) const {
    return {pack_at<N>(dy_TH, first), pack_at<N>(x_TH, first), {mean_T[row], rstd_T[row]}};
  }
  template <int N>
  WEFT_HOST_DEVICE void add(const Packs<N>& packs, float (&sums)[2][N]) const {
    for (int i = 0; i < N; ++i) {
      const float dy = as_float(packs.dy.at[i]);
      sums[0][i] += dy * packs.stats.normalized(as_float(packs.x.at[i]));
      sums[1][i] += dy;
    }
  }
};

/// dy xhat: the gradient of an RMS norm's gamma.
template <typename T, typename X = T>
struct RmsNormWeightTerm {
  static constexpr int kSums = 1;
  static constexpr int kPack = kPackOf<T>;
  static constexpr int kUnroll = 4;

  const T* dy_TH;
  const X* x_TH;
  const float* rstd_T;

  template <int N>
  struct Packs {
    Pack<T, N> dy;
    Pack<X, N> x;
    RmsNormRow stats;
  };
  template <int N>
  WEFT_HOST_DEVICE Packs<N> read(int64_t row, int64_t first) const {
    return {pack_at<N>(dy_TH, first), pack_at<N>(x_TH, first), {rstd_T[row]}};
  }
  template <int N>
  WEFT_HOST_DEVICE void add(const Packs<N>& packs, float (&sums)[1][N]) const {
    for (int i = 0; i < N; ++i) {
      sums[0][i] += as_float(packs.dy.at[i]) * packs.stats.normalized(as_float(packs.x.at[i]));
    }
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
