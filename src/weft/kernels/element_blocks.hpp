#pragma once

#include <immintrin.h>

#include <cstdint>

#include "weft/kernels/element.hpp"

// Rows of any element type as blocks of floats. A loop over floats vectorises whatever it computes;
// with conversions of bf16 or f16 in its body g++ 12 often gives up. So 16-bit elements are brought
// into a block that stays in the first-level cache, and back, by loops that do nothing else; f32 is
// read and written where it stands.

namespace weft::kernels::inline WEFT_ISA {

/// Elements of a block: a multiple of the 16 lanes of a sum, and 1 KiB of floats.
inline constexpr int64_t kBlock = 256;

inline void load_block(const BFloat16* __restrict from, int64_t count, float* __restrict to) {
  for (int64_t i = 0; i < count; ++i) to[i] = load(from[i]);
}

inline void load_block(const Float16* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(halves));
  }
  for (; i < count; ++i) to[i] = load(from[i]);
}

/// Each rounded to nearest, ties to even.
inline void store_block(const float* __restrict from, int64_t count, BFloat16* __restrict to) {
  for (int64_t i = 0; i < count; ++i) to[i] = store<BFloat16>(from[i]);
}

inline void store_block(const float* from, int64_t count, Float16* to) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m128i halves = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), halves);
  }
  for (; i < count; ++i) to[i] = store<Float16>(from[i]);
}

/// Blocks of a row that is read.
template <typename T>
class BlockReader {
 public:
  explicit BlockReader(const T* row) : row_(row) {}
  /// Elements [begin, begin + count) as floats, until the next call.
  const float* read(int64_t begin, int64_t count) {
    load_block(row_ + begin, count, block_);
    return block_;
  }

 private:
  const T* row_;
  alignas(64) float block_[kBlock];
};

template <>
class BlockReader<float> {
 public:
  explicit BlockReader(const float* row) : row_(row) {}
  const float* read(int64_t begin, int64_t /*count*/) const { return row_ + begin; }

 private:
  const float* row_;
};

/// Blocks of a row that is written.
template <typename T>
class BlockWriter {
 public:
  explicit BlockWriter(T* row) : row_(row) {}
  /// Where the floats of the block from element `begin` on are put before `write`.
  float* block(int64_t /*begin*/) { return block_; }
  void write(int64_t begin, int64_t count) { store_block(block_, count, row_ + begin); }

 private:
  T* row_;
  alignas(64) float block_[kBlock];
};

template <>
class BlockWriter<float> {
 public:
  explicit BlockWriter(float* row) : row_(row) {}
  float* block(int64_t begin) const { return row_ + begin; }
  void write(int64_t /*begin*/, int64_t /*count*/) const {}

 private:
  float* row_;
};

}  // namespace weft::kernels::inline WEFT_ISA
