#pragma once

#include <cfloat>

#include "weft/kernels/attention_math.hpp"
#include "weft/kernels/head_layout.hpp"
#include "weft/kernels/packs.hpp"
#include "weft/kernels/row_kernel.hpp"

// Attention of new tokens over cached ones (attention_with_cache) for GPU threads.

namespace weft::kernels::inline WEFT_ISA {

/// Copies the keys and values of new tokens behind the `past` cached ones: element (token, group,
/// feature) of the keys and of the values.
template <typename T>
struct CacheAppend {
  HeadLayout layout;
  const T* qkv_SQ;
  T* keys_CGD;
  T* values_CGD;
  int64_t past;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    const int64_t dim = layout.head_dim;
    for (int64_t i = first; i < first + N; ++i) {
      const int64_t group = i / dim % layout.groups;
      const int64_t token = i / dim / layout.groups;
      const T* key = qkv_SQ + token * layout.qkv_width() + group * layout.group_width() +
                     layout.heads_per_group() * dim + i % dim;
      const int64_t to = past * layout.groups * dim + i;
      keys_CGD[to] = key[0];
      values_CGD[to] = key[dim];
    }
  }
};

inline constexpr int kCacheThreads = 256;

/// Shared memory of a block.
struct CachedAttentionMemory {
  float query[kCacheThreads];
  float scores[kCacheThreads];  ///< of a block of keys, then their probabilities
  float maxima[16];             ///< of sixteenths of the block
  float sums[16];
  float outputs[kCacheThreads];
};

/// out_SO: a block of threads per new token and head, in phases (attention_block.hpp). A thread
/// takes one key of every 256 for the scores; for the output it takes one feature of every
/// (256 / width)th key.
template <typename T>
struct CachedAttention {
  HeadLayout layout;
  const T* qkv_SQ;
  const T* keys_CGD;
  const T* values_CGD;
  T* out_SO;
  int64_t tokens;
  int64_t past;
  float scale;  ///< 1 / sqrt(D)

  static constexpr int kResident = 4;

  struct Registers {
    float out;
    float max;
    float sum;
    float rescale;
  };

  WEFT_HOST_DEVICE int64_t num_blocks() const { return tokens * layout.heads; }

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(Block& block, int64_t index) const {
    const int64_t token = index / layout.heads;
    const int64_t head = index % layout.heads;
    const int64_t group = head / layout.heads_per_group();
    const int dim = static_cast<int>(layout.head_dim);
    const T* query = qkv_SQ + token * layout.qkv_width() + group * layout.group_width() +
                     head % layout.heads_per_group() * dim;
    const int64_t count = past + token + 1;
    CachedAttentionMemory& memory = block.memory();
    block.phase([&](int thread, Registers& own) {
      memory.query[thread] = thread < dim ? as_float(query[thread]) : 0.0F;
      own = {0.0F, -FLT_MAX, 0.0F, 1.0F};
    });
    for (int64_t first = 0; first < count; first += kCacheThreads) {
      const int64_t left = count - first;
      const int keys = left < kCacheThreads ? static_cast<int>(left) : kCacheThreads;
      const int64_t at = (first * layout.groups + group) * dim;
      take_in_scores(block, keys_CGD + at, keys);
      block.phase([&](int thread, Registers& own) {
        own.sum = own.sum * own.rescale + sum_of_sixteen(memory.sums);
        own.out = own.out * own.rescale + weighted_values(memory, values_CGD + at, keys, thread);
      });
    }
    block.phase([&](int thread, Registers& own) { memory.outputs[thread] = own.out; });
    block.phase([&](int thread, Registers& own) {
      if (thread >= dim) return;
      float sum = 0.0F;
      for (int from = thread; from < kCacheThreads; from += width()) sum += memory.outputs[from];
      out_SO[index * dim + thread] = rounded_to<T>(sum / own.sum);
    });
  }

 private:
  /// Threads that share a key's features: the power of two from 32 on that holds D.
  WEFT_HOST_DEVICE int width() const {
    int threads = 32;
    while (threads < layout.head_dim) threads *= 2;
    return threads;
  }

  WEFT_HOST_DEVICE static float sum_of_sixteen(const float* values) {
    float sum = 0.0F;
    for (int i = 0; i < 16; ++i) sum += values[i];
    return sum;
  }
  WEFT_HOST_DEVICE static float max_of_sixteen(const float* values) {
    float largest = values[0];
    for (int i = 1; i < 16; ++i) largest = math::max(largest, values[i]);
    return largest;
  }

  /// Probabilities of up to 256 keys under the new maximum, and their sums in sixteenths.
  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void take_in_scores(Block& block, const T* keys, int count) const {
    CachedAttentionMemory& memory = block.memory();
    block.phase([&](int thread, Registers&) {
      const T* key = keys + thread * layout.groups * layout.head_dim;
      float score = 0.0F;
      for (int d = 0; thread < count && d < layout.head_dim; ++d) {
        score = math::fma(memory.query[d], as_float(key[d]), score);
      }
      memory.scores[thread] = thread < count ? score * scale : -FLT_MAX;
    });
    block.phase([&](int thread, Registers&) {
      if (thread < 16) memory.maxima[thread] = max_of_sixteen(memory.scores + 16 * thread);
    });
    block.phase([&](int thread, Registers& own) {
      const float largest = math::max(own.max, max_of_sixteen(memory.maxima));
      own.rescale = math::exp(own.max - largest);
      own.max = largest;
      memory.scores[thread] = thread < count ? math::exp(memory.scores[thread] - largest) : 0.0F;
    });
    block.phase([&](int thread, Registers&) {
      if (thread < 16) memory.sums[thread] = sum_of_sixteen(memory.scores + 16 * thread);
    });
  }

  /// The thread's part of the sum of probabilities times values.
  WEFT_HOST_DEVICE float weighted_values(const CachedAttentionMemory& memory, const T* values,
                                         int count, int thread) const {
    const int feature = thread % width();
    if (feature >= layout.head_dim) return 0.0F;
    float sum = 0.0F;
    for (int key = thread / width(); key < count; key += kCacheThreads / width()) {
      const T value = values[key * layout.groups * layout.head_dim + feature];
      sum = math::fma(memory.scores[key], as_float(value), sum);
    }
    return sum;
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
