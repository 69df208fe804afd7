#pragma once

#include "weft/kernels/attention_math.hpp"
#include "weft/kernels/attention_shape.hpp"

// What the blocks of threads of our own attention kernels share (attention_fallback_kernels.hpp).
// A block of 256 threads owns a tile of 64 queries or keys and goes over the other side in tiles of
// 64; features go through shared memory in chunks of 64, so that its size does not depend on the
// head's. Thread t is at row t / 16 and column t % 16 of a square of threads; of a product's 64 x
// 64 results it holds rows t / 16 + 16 i and four columns.
//
// A kernel is a sequence of phases: block.phase(body) runs body(thread, registers) for every
// thread, and then all have finished. On a GPU the registers are a thread's own variables; on the
// host a test plays the threads one after the other.

#if defined(__CUDA_ARCH__)
#define WEFT_UNROLL _Pragma("unroll")
#define WEFT_NO_UNROLL _Pragma("unroll 1")
#else
#define WEFT_UNROLL
#define WEFT_NO_UNROLL
#endif

namespace weft::kernels::inline WEFT_ISA {

inline constexpr int kBlockThreads = 256;
inline constexpr int kTile = 64;
/// Floats between rows of a tile in shared memory; 4 more than a row has, so that eight threads
/// that read packs from neighbouring rows use different banks.
inline constexpr int kTileStride = kTile + 4;
inline constexpr int kTileFloats = kTile * kTileStride;

/// Shared memory of a block.
struct AttentionMemory {
  float first[kTileFloats];   ///< a chunk of features of the block's rows
  float second[kTileFloats];  ///< a chunk of features of the other side
  float scores[kTileFloats];  ///< what is multiplied with features: probabilities, gradients
  float partial[4 * kTile];   ///< of a row's quarters: maximum, then sum
  float rescale[kTile];       ///< of each query: what its output so far is multiplied by
};

/// Tiles of a sequence.
WEFT_HOST_DEVICE inline int num_tiles(const AttentionShape& shape) {
  return (shape.sequence + kTile - 1) / kTile;
}

/// A tile of scores: queries [query, query + 64) of a head and keys [key, key + 64).
struct TilePlace {
  int64_t sample;
  int64_t head;
  int query;
  int key;
};

/// Rows of features in memory: of a head, from some row on.
template <typename T>
struct FeatureRows {
  T* data;
  int64_t stride;  ///< elements between rows
  int rows;        ///< that exist; further ones are 0
  int columns;     ///< D
  bool packs;

  /// From `row` on.
  WEFT_HOST_DEVICE FeatureRows from(int row) const {
    return {data + row * stride, stride, rows - row, columns, packs};
  }
};

/// A thread's part in bringing columns [column, column + 64) of 64 rows into `tile`.
template <typename T>
WEFT_HOST_DEVICE inline void load_tile(int thread, const FeatureRows<const T>& from, int column,
                                       float* tile) {
  constexpr int kPacksOfRow = kTile / 4;
  WEFT_NO_UNROLL
  for (int pack = thread; pack < kTile * kPacksOfRow; pack += kBlockThreads) {
    const int row = pack / kPacksOfRow;
    const int at = pack % kPacksOfRow * 4;
    float values[4] = {0.0F, 0.0F, 0.0F, 0.0F};
    const T* x = from.data + row * from.stride + column + at;
    if (row < from.rows) {
      if (from.packs && column + at + 4 <= from.columns) {
        load_pack<4>(x, 0, values);
      } else {
        WEFT_UNROLL
        for (int i = 0; i < 4; ++i) {
          if (column + at + i < from.columns) values[i] = as_float(x[i]);
        }
      }
    }
    store_pack<4>(tile, row * kTileStride + at, values);
  }
}

/// A thread's part in writing columns [column, column + 64) of 64 rows: columns 4 (t % 16) + j.
template <typename T>
WEFT_HOST_DEVICE inline void store_tile(int thread, const float (&values)[4][4], int column,
                                        const FeatureRows<T>& to) {
  const int at = column + thread % 16 * 4;
  WEFT_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int row = thread / 16 + 16 * i;
    if (row >= to.rows) continue;
    WEFT_UNROLL
    for (int j = 0; j < 4; ++j) {
      if (at + j < to.columns) to.data[row * to.stride + at + j] = rounded_to<T>(values[i][j]);
    }
  }
}

WEFT_HOST_DEVICE inline void set_zero(float (&values)[4][4]) {
  WEFT_UNROLL
  for (int i = 0; i < 4; ++i) {
    WEFT_UNROLL
    for (int j = 0; j < 4; ++j) values[i][j] = 0.0F;
  }
}

/// sums[i][j] += row t / 16 + 16 i of `a` times row t % 16 + 16 j of `b`.
WEFT_HOST_DEVICE inline void add_row_products(int thread, const float* a, const float* b,
                                              float (&sums)[4][4]) {
  const float* a_row = a + thread / 16 * kTileStride;
  const float* b_row = b + thread % 16 * kTileStride;
  WEFT_NO_UNROLL
  for (int k = 0; k < kTile; k += 4) {
    float x[4][4];
    float y[4][4];
    WEFT_UNROLL
    for (int i = 0; i < 4; ++i) {
      load_pack<4>(a_row, 16 * i * kTileStride + k, x[i]);
      load_pack<4>(b_row, 16 * i * kTileStride + k, y[i]);
    }
    WEFT_UNROLL
    for (int step = 0; step < 4; ++step) {
      WEFT_UNROLL
      for (int i = 0; i < 4; ++i) {
        WEFT_UNROLL
        for (int j = 0; j < 4; ++j) sums[i][j] = math::fma(x[i][step], y[j][step], sums[i][j]);
      }
    }
  }
}

/// sums[i][j] += row t / 16 + 16 i of `a` times column 4 (t % 16) + j of `b`.
WEFT_HOST_DEVICE inline void add_column_products(int thread, const float* a, const float* b,
                                                 float (&sums)[4][4]) {
  const float* a_row = a + thread / 16 * kTileStride;
  const float* b_column = b + thread % 16 * 4;
  WEFT_NO_UNROLL
  for (int k = 0; k < kTile; k += 4) {
    float x[4][4];
    float y[4][4];
    WEFT_UNROLL
    for (int i = 0; i < 4; ++i) {
      load_pack<4>(a_row, 16 * i * kTileStride + k, x[i]);
      load_pack<4>(b_column, (k + i) * kTileStride, y[i]);
    }
    WEFT_UNROLL
    for (int step = 0; step < 4; ++step) {
      WEFT_UNROLL
      for (int i = 0; i < 4; ++i) {
        WEFT_UNROLL
        for (int j = 0; j < 4; ++j) sums[i][j] = math::fma(x[i][step], y[step][j], sums[i][j]);
      }
    }
  }
}

}  // namespace weft::kernels::inline WEFT_ISA
