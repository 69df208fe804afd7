#pragma once

#include <cfloat>

#include "weft/kernels/attention_block.hpp"
#include "weft/kernels/row_kernel.hpp"

// Attention and its gradient for GPU threads, for every element type, head size, mask and dropout
// that the processor's attention has: what CUDA runs where cuDNN has no kernel. Products and sums
// are f32 in a fixed order; memory beside the operands is one float per query and head. Scores
// exist only as a tile. kChunks * 64 is at least the head size.

namespace weft::kernels::inline WEFT_ISA {

/// out_SBO and lse_BNS: a block per sample, head and tile of queries.
template <typename T, int kChunks>
struct AttentionForwardTile {
  AttentionShape shape;
  const T* qkv_SBQ;
  T* out_SBO;
  float* lse_BNS;

  /// Blocks that share a multiprocessor, which limits their registers.
  static constexpr int kResident = kChunks <= 2 ? 2 : 1;

  struct Registers {
    float out[kChunks][4][4];
    float scores[4][4];
    float max;  ///< of query t / 4, as its four threads all know it
    float sum;
  };

  WEFT_HOST_DEVICE int64_t num_blocks() const {
    return shape.microbatch * shape.layout.heads * num_tiles(shape);
  }

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(Block& block, int64_t index) const {
    const int64_t head = index % shape.layout.heads;
    const int64_t sample = index / shape.layout.heads % shape.microbatch;
    // The last tile of queries sees most keys: it goes first.
    const int query =
        static_cast<int>(num_tiles(shape) - 1 - index / shape.layout.heads / shape.microbatch) *
        kTile;
    const int dim = shape.head_dim();
    const int left = shape.sequence - query;
    const FeatureRows<const T> q{
        qkv_SBQ + shape.query_offset(sample, head) + query * shape.qkv_stride(), shape.qkv_stride(),
        left, dim, shape.packs};
    const FeatureRows<const T> k{
        qkv_SBQ + shape.key_offset(sample, head / shape.layout.heads_per_group()),
        shape.qkv_stride(), shape.sequence, dim, shape.packs};
    const FeatureRows<const T> v{k.data + dim, k.stride, k.rows, dim, k.packs};
    AttentionMemory& memory = block.memory();

    block.phase([&](int, Registers& own) {
      WEFT_UNROLL
      for (int c = 0; c < kChunks; ++c) set_zero(own.out[c]);
      own.max = -FLT_MAX;
      own.sum = 0.0F;
    });
    for (int key = shape.start(sample, query) / kTile * kTile; key < query + kTile; key += kTile) {
      const TilePlace where{sample, head, query, key};
      multiply_scores(block, q, k.from(key));
      take_in_scores(block, where);
      WEFT_UNROLL
      for (int c = 0; c < kChunks; ++c) {
        block.phase([&](int thread, Registers& own) {
          if (c == 0) take_in_sum(memory, thread, own);
          load_tile(thread, v.from(key), c * kTile, memory.second);
        });
        block.phase([&](int thread, Registers& own) {
          WEFT_UNROLL
          for (int i = 0; i < 4; ++i) {
            WEFT_UNROLL
            for (int j = 0; j < 4; ++j) own.out[c][i][j] *= memory.rescale[thread / 16 + 16 * i];
          }
          add_column_products(thread, memory.scores, memory.second, own.out[c]);
        });
      }
    }
    block.phase([&](int thread, Registers& own) {
      const int row = thread / 4;
      if (thread % 4 != 0 || row >= left) return;
      memory.rescale[row] = 1.0F / own.sum;
      lse_BNS[shape.row_offset(sample, head) + query + row] = own.max + math::log(own.sum);
    });
    const FeatureRows<T> out{out_SBO + shape.out_offset(sample, head) + query * shape.out_stride(),
                             shape.out_stride(), left, dim, shape.packs};
    block.phase([&](int thread, Registers& own) {
      WEFT_UNROLL
      for (int c = 0; c < kChunks; ++c) {
        WEFT_UNROLL
        for (int i = 0; i < 4; ++i) {
          WEFT_UNROLL
          for (int j = 0; j < 4; ++j) own.out[c][i][j] *= memory.rescale[thread / 16 + 16 * i];
        }
        store_tile(thread, own.out[c], c * kTile, out);
      }
    });
  }

 private:
  /// memory.scores = scaled scores of the block's queries and 64 keys.
  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void multiply_scores(Block& block, const FeatureRows<const T>& q,
                                        const FeatureRows<const T>& k) const {
    AttentionMemory& memory = block.memory();
    WEFT_UNROLL
    for (int c = 0; c < kChunks; ++c) {
      block.phase([&](int thread, Registers&) {
        load_tile(thread, q, c * kTile, memory.first);
        load_tile(thread, k, c * kTile, memory.second);
      });
      block.phase([&](int thread, Registers& own) {
        if (c == 0) set_zero(own.scores);
        add_row_products(thread, memory.first, memory.second, own.scores);
        if (c + 1 < kChunks) return;
        WEFT_UNROLL
        for (int i = 0; i < 4; ++i) {
          WEFT_UNROLL
          for (int j = 0; j < 4; ++j) {
            memory.scores[(thread / 16 + 16 * i) * kTileStride + thread % 16 + 16 * j] =
                own.scores[i][j] * shape.scale;
          }
        }
      });
    }
  }

  /// Turns memory.scores into probabilities under the new maxima, times dropout's factors. Four
  /// threads share a query's row, each with four packs of four keys.
  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void take_in_scores(Block& block, const TilePlace& where) const {
    AttentionMemory& memory = block.memory();
    block.phase([&](int thread, Registers&) {
      const int own_query = where.query + thread / 4;
      const int start = own_query < shape.sequence ? shape.start(where.sample, own_query) : 0;
      const float* row = memory.scores + thread / 4 * kTileStride;
      float largest = -FLT_MAX;
      for (int at = thread % 4 * 4; at < kTile; at += 16) {
        for (int i = at; i < at + 4; ++i) {
          const int own_key = where.key + i;
          if (own_key >= start && own_key <= own_query) largest = math::max(largest, row[i]);
        }
      }
      memory.partial[thread] = largest;
    });
    block.phase([&](int thread, Registers& own) {
      const float* partial = memory.partial + thread / 4 * 4;
      const float largest =
          math::max(math::max(partial[0], partial[1]), math::max(partial[2], partial[3]));
      OnlineSoftmax softmax{own.max, own.sum};
      const float rescale = softmax.advance(largest);
      own.max = softmax.max;
      own.sum = softmax.sum;
      if (thread % 4 == 0) memory.rescale[thread / 4] = rescale;
    });
    block.phase([&](int thread, Registers& own) {
      memory.partial[thread] = probabilities(memory, thread, where, own.max);
    });
  }

  /// The thread's part of a row; returns the sum of its probabilities before dropout.
  WEFT_HOST_DEVICE float probabilities(AttentionMemory& memory, int thread, const TilePlace& where,
                                       float max) const {
    const int own_query = where.query + thread / 4;
    const bool exists = own_query < shape.sequence;
    const int start = exists ? shape.start(where.sample, own_query) : 0;
    float* row = memory.scores + thread / 4 * kTileStride;
    float sum = 0.0F;
    WEFT_NO_UNROLL
    for (int at = thread % 4 * 4; at < kTile; at += 16) {
      float p[4];
      load_pack<4>(row, at, p);
      WEFT_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int own_key = where.key + at + i;
        p[i] = exists && own_key >= start && own_key <= own_query ? math::exp(p[i] - max) : 0.0F;
        sum += p[i];
      }
      if (shape.threshold != 0 && exists) {
        float factors[4];
        load_pack<4>(shape.dropout_row(where.sample, where.head, own_query), where.key + at,
                     factors);
        WEFT_UNROLL
        for (int i = 0; i < 4; ++i) p[i] *= factors[i];
      }
      store_pack<4>(row, at, p);
    }
    return sum;
  }

  WEFT_HOST_DEVICE void take_in_sum(const AttentionMemory& memory, int thread,
                                    Registers& own) const {
    const float* partial = memory.partial + thread / 4 * 4;
    own.sum += partial[0] + partial[1] + partial[2] + partial[3];
  }
};

/// delta_BNS: the dot product of each query's output and its gradient, for every (query, sample,
/// head) in the order of out_SBO.
template <typename T>
struct AttentionDelta {
  AttentionShape shape;
  const T* out_SBO;
  const T* dout_SBO;
  float* delta_BNS;

  WEFT_HOST_DEVICE int64_t size() const {
    return shape.sequence * shape.microbatch * shape.layout.heads;
  }

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    for (int64_t row = first; row < first + N; ++row) {
      const int64_t head = row % shape.layout.heads;
      const int64_t sample = row / shape.layout.heads % shape.microbatch;
      const int64_t query = row / shape.layout.heads / shape.microbatch;
      const T* out = out_SBO + row * shape.layout.head_dim;
      const T* dout = dout_SBO + row * shape.layout.head_dim;
      float sum = 0.0F;
      for (int64_t d = 0; d < shape.layout.head_dim; ++d) {
        sum = math::fma(as_float(out[d]), as_float(dout[d]), sum);
      }
      delta_BNS[shape.row_offset(sample, head) + query] = sum;
    }
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
