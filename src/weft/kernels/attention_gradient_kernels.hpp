#pragma once

#include "weft/kernels/attention_block.hpp"
#include "weft/kernels/row_kernel.hpp"

// The gradients of our own attention on a GPU (attention_fallback_kernels.hpp): one kernel for
// those of queries and one for those of keys and values, so that every sum has one block and a
// fixed order.

namespace weft::kernels::inline WEFT_ISA {

/// What the gradients are computed from.
template <typename T>
struct AttentionGradientInputs {
  const T* qkv_SBQ;
  const T* dout_SBO;
  const float* lse_BNS;
  const float* delta_BNS;
};

/// Rows of queries and of their output's gradient, from query 0 of a head.
template <typename T>
struct QueryRows {
  FeatureRows<const T> q;
  FeatureRows<const T> dout;
};

/// What both kernels do with one tile of scores.
template <typename T, int kChunks>
struct AttentionGradientTile {
  AttentionShape shape;
  AttentionGradientInputs<T> inputs;

  WEFT_HOST_DEVICE QueryRows<T> query_rows(int64_t sample, int64_t head) const {
    const int dim = shape.head_dim();
    return {{inputs.qkv_SBQ + shape.query_offset(sample, head), shape.qkv_stride(), shape.sequence,
             dim, shape.packs},
            {inputs.dout_SBO + shape.out_offset(sample, head), shape.out_stride(), shape.sequence,
             dim, shape.packs}};
  }
  WEFT_HOST_DEVICE FeatureRows<const T> key_rows(int64_t sample, int64_t group) const {
    return {inputs.qkv_SBQ + shape.key_offset(sample, group), shape.qkv_stride(), shape.sequence,
            shape.head_dim(), shape.packs};
  }

  /// sums = rows of `first` times rows of `second`.
  WEFT_ANY_BLOCK
  template <typename Registers, typename Block>
  WEFT_HOST_DEVICE static void multiply_rows(Block& block, const FeatureRows<const T>& first,
                                             const FeatureRows<const T>& second,
                                             float (Registers::*sums)[4][4]) {
    AttentionMemory& memory = block.memory();
    WEFT_UNROLL
    for (int c = 0; c < kChunks; ++c) {
      block.phase([&](int thread, Registers&) {
        load_tile(thread, first, c * kTile, memory.first);
        load_tile(thread, second, c * kTile, memory.second);
      });
      block.phase([&](int thread, Registers& own) {
        if (c == 0) set_zero(own.*sums);
        add_row_products(thread, memory.first, memory.second, own.*sums);
      });
    }
  }

  /// sums += memory.scores times rows of `second`.
  WEFT_ANY_BLOCK
  template <typename Registers, typename Block>
  WEFT_HOST_DEVICE static void multiply_scores(Block& block, const FeatureRows<const T>& second,
                                               float (Registers::*sums)[kChunks][4][4]) {
    AttentionMemory& memory = block.memory();
    WEFT_UNROLL
    for (int c = 0; c < kChunks; ++c) {
      block.phase(
          [&](int thread, Registers&) { load_tile(thread, second, c * kTile, memory.second); });
      block.phase([&](int thread, Registers& own) {
        add_column_products(thread, memory.scores, memory.second, (own.*sums)[c]);
      });
    }
  }

  /// memory.scores = dropout's factors of 64 queries (thread / 4) and 64 keys: a key's place is
  /// `key_stride` floats from the next, a query's `query_stride`.
  WEFT_HOST_DEVICE void draw(AttentionMemory& memory, int thread, const TilePlace& where,
                             int query_stride, int key_stride) const {
    const int own_query = where.query + thread / 4;
    if (own_query >= shape.sequence) return;
    const DropoutRow row = shape.dropout_row(where.sample, where.head, own_query);
    WEFT_NO_UNROLL
    for (int at = thread % 4 * 4; at < kTile; at += 16) {
      float factors[4];
      load_pack<4>(row, where.key + at, factors);
      WEFT_UNROLL
      for (int i = 0; i < 4; ++i) {
        memory.scores[thread / 4 * query_stride + (at + i) * key_stride] = factors[i];
      }
    }
  }

  /// A probability with and without dropout's factor, and the gradient of its score.
  struct Score {
    float kept;
    float gradient;
  };
  /// Of a query that exists; `product` and `dp` are unscaled.
  WEFT_HOST_DEVICE Score score(float product, float dp, float factor, float lse,
                               float delta) const {
    const float p = math::exp(product * shape.scale - lse);
    return {p * factor, score_gradient(p, dp * factor, delta, shape.scale)};
  }
};

/// The queries' part of dqkv_SBQ: a block per sample, head and tile of queries.
template <typename T, int kChunks>
struct AttentionQueryGradientTile {
  AttentionGradientTile<T, kChunks> tile;
  T* dqkv_SBQ;

  static constexpr int kResident = kChunks == 1 ? 2 : 1;

  struct Registers {
    float dq[kChunks][4][4];
    float scores[4][4];
    float dp[4][4];
  };

  WEFT_HOST_DEVICE int64_t num_blocks() const {
    return tile.shape.microbatch * tile.shape.layout.heads * num_tiles(tile.shape);
  }

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(Block& block, int64_t index) const {
    const AttentionShape& shape = tile.shape;
    const int64_t head = index % shape.layout.heads;
    const int64_t sample = index / shape.layout.heads % shape.microbatch;
    const int query =
        static_cast<int>(num_tiles(shape) - 1 - index / shape.layout.heads / shape.microbatch) *
        kTile;
    const QueryRows<T> rows = tile.query_rows(sample, head);
    const FeatureRows<const T> k = tile.key_rows(sample, head / shape.layout.heads_per_group());
    const FeatureRows<const T> v{k.data + k.columns, k.stride, k.rows, k.columns, k.packs};
    AttentionMemory& memory = block.memory();

    block.phase([&](int, Registers& own) {
      WEFT_UNROLL
      for (int c = 0; c < kChunks; ++c) set_zero(own.dq[c]);
    });
    for (int key = shape.start(sample, query) / kTile * kTile; key < query + kTile; key += kTile) {
      const TilePlace where{sample, head, query, key};
      tile.multiply_rows(block, rows.q.from(query), k.from(key), &Registers::scores);
      tile.multiply_rows(block, rows.dout.from(query), v.from(key), &Registers::dp);
      if (shape.threshold != 0) {
        block.phase(
            [&](int thread, Registers&) { tile.draw(memory, thread, where, kTileStride, 1); });
      }
      block.phase([&](int thread, Registers& own) { differentiate(memory, thread, where, own); });
      tile.multiply_scores(block, k.from(key), &Registers::dq);
    }
    const FeatureRows<T> dq{dqkv_SBQ + (rows.q.data - tile.inputs.qkv_SBQ), rows.q.stride,
                            rows.q.rows, rows.q.columns, rows.q.packs};
    block.phase([&](int thread, Registers& own) {
      WEFT_UNROLL
      for (int c = 0; c < kChunks; ++c) {
        store_tile(thread, own.dq[c], c * kTile, dq.from(query));
      }
    });
  }

 private:
  /// The thread's score gradients into memory.scores, where dropout's factors are.
  WEFT_HOST_DEVICE void differentiate(AttentionMemory& memory, int thread, const TilePlace& where,
                                      const Registers& own) const {
    const AttentionShape& shape = tile.shape;
    const int64_t row_offset = shape.row_offset(where.sample, where.head);
    WEFT_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int row = thread / 16 + 16 * i;
      const int own_query = where.query + row;
      const bool exists = own_query < shape.sequence;
      const int start = exists ? shape.start(where.sample, own_query) : 0;
      const float lse = exists ? tile.inputs.lse_BNS[row_offset + own_query] : 0.0F;
      const float delta = exists ? tile.inputs.delta_BNS[row_offset + own_query] : 0.0F;
      WEFT_UNROLL
      for (int j = 0; j < 4; ++j) {
        const int column = thread % 16 + 16 * j;
        const int own_key = where.key + column;
        float& place = memory.scores[row * kTileStride + column];
        const bool sees = exists && own_key >= start && own_key <= own_query;
        const float factor = shape.threshold != 0 ? place : 1.0F;
        place =
            sees ? tile.score(own.scores[i][j], own.dp[i][j], factor, lse, delta).gradient : 0.0F;
      }
    }
  }
};

/// The keys' and values' part of dqkv_SBQ: a block per sample, group and tile of keys.
template <typename T, int kChunks>
struct AttentionKeyGradientTile {
  AttentionGradientTile<T, kChunks> tile;
  T* dqkv_SBQ;

  static constexpr int kResident = kChunks == 1 ? 2 : 1;

  struct Registers {
    float dk[kChunks][4][4];
    float dv[kChunks][4][4];
    float scores[4][4];
    float dp[4][4];
  };

  WEFT_HOST_DEVICE int64_t num_blocks() const {
    return tile.shape.microbatch * tile.shape.layout.groups * num_tiles(tile.shape);
  }

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(Block& block, int64_t index) const {
    const AttentionShape& shape = tile.shape;
    const int64_t group = index % shape.layout.groups;
    const int64_t sample = index / shape.layout.groups % shape.microbatch;
    const int key = static_cast<int>(index / shape.layout.groups / shape.microbatch) * kTile;
    const FeatureRows<const T> k = tile.key_rows(sample, group);

    block.phase([&](int, Registers& own) {
      WEFT_UNROLL
      for (int c = 0; c < kChunks; ++c) {
        set_zero(own.dk[c]);
        set_zero(own.dv[c]);
      }
    });
    for (int64_t i = 0; i < shape.layout.heads_per_group(); ++i) {
      add_head(block, sample, group * shape.layout.heads_per_group() + i, key, k);
    }
    const FeatureRows<T> dk{dqkv_SBQ + (k.data - tile.inputs.qkv_SBQ), k.stride, k.rows, k.columns,
                            k.packs};
    const FeatureRows<T> dv{dk.data + k.columns, k.stride, k.rows, k.columns, k.packs};
    block.phase([&](int thread, Registers& own) {
      WEFT_UNROLL
      for (int c = 0; c < kChunks; ++c) {
        store_tile(thread, own.dk[c], c * kTile, dk.from(key));
        store_tile(thread, own.dv[c], c * kTile, dv.from(key));
      }
    });
  }

 private:
  /// What the queries of one head add.
  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void add_head(Block& block, int64_t sample, int64_t head, int key,
                                 const FeatureRows<const T>& k) const {
    const AttentionShape& shape = tile.shape;
    const QueryRows<T> rows = tile.query_rows(sample, head);
    const FeatureRows<const T> v{k.data + k.columns, k.stride, k.rows, k.columns, k.packs};
    AttentionMemory& memory = block.memory();
    for (int query = key; query < shape.sequence; query += kTile) {
      const TilePlace where{sample, head, query, key};
      // Starts never fall: no later query sees these keys either.
      if (shape.start(sample, query) >= key + kTile) return;
      tile.multiply_rows(block, k.from(key), rows.q.from(query), &Registers::scores);
      tile.multiply_rows(block, v.from(key), rows.dout.from(query), &Registers::dp);
      if (shape.threshold != 0) {
        block.phase(
            [&](int thread, Registers&) { tile.draw(memory, thread, where, 1, kTileStride); });
      }
      block.phase([&](int thread, Registers& own) { differentiate(memory, thread, where, own); });
      tile.multiply_scores(block, rows.dout.from(query), &Registers::dv);
      block.phase([&](int thread, Registers& own) {
        WEFT_UNROLL
        for (int i = 0; i < 4; ++i) {
          WEFT_UNROLL
          for (int j = 0; j < 4; ++j) {
            memory.scores[(thread / 16 + 16 * i) * kTileStride + thread % 16 + 16 * j] =
                own.scores[i][j];
          }
        }
      });
      tile.multiply_scores(block, rows.q.from(query), &Registers::dk);
    }
  }

  /// The thread's kept probabilities into memory.scores, where dropout's factors are, and their
  /// scores' gradients into its registers.
  WEFT_HOST_DEVICE void differentiate(AttentionMemory& memory, int thread, const TilePlace& where,
                                      Registers& own) const {
    const AttentionShape& shape = tile.shape;
    const int64_t row_offset = shape.row_offset(where.sample, where.head);
    WEFT_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int column = thread % 16 + 16 * j;
      const int own_query = where.query + column;
      const bool exists = own_query < shape.sequence;
      const int start = exists ? shape.start(where.sample, own_query) : 0;
      const float lse = exists ? tile.inputs.lse_BNS[row_offset + own_query] : 0.0F;
      const float delta = exists ? tile.inputs.delta_BNS[row_offset + own_query] : 0.0F;
      WEFT_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int row = thread / 16 + 16 * i;
        const int own_key = where.key + row;
        float& place = memory.scores[row * kTileStride + column];
        const bool sees = exists && own_key >= start && own_key <= own_query;
        const float factor = shape.threshold != 0 ? place : 1.0F;
        const auto score = tile.score(own.scores[i][j], own.dp[i][j], factor, lse, delta);
        place = sees ? score.kept : 0.0F;
        own.scores[i][j] = sees ? score.gradient : 0.0F;
      }
    }
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
