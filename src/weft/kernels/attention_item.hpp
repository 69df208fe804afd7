#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/attention_tiles.hpp"
#include "weft/tensor/arena.hpp"

// Causal attention in tiles of kQueries x kKeys. Scores are kept transposed, S^T[key, query]: the
// maximum, sum and rescaling of every query are then vertical operations over a vector of queries,
// and P^T and dS^T have the layout that the next product reads (reference/cpu.md 2). A (sample,
// group) is one item of work; within it heads, query tiles and key tiles run in order.

namespace weft::kernels {

/// Memory of one thread; all matrices are row-major with rows padded to `width` columns.
struct AttentionScratch {
  float* k_SD;       ///< keys of the group
  float* v_SD;       ///< values of the group
  float* q_RD;       ///< queries of a tile
  float* q_DR;       ///< the same, transposed
  float* p_CR;       ///< scores, then probabilities, of a tile
  float* factor_CR;  ///< dropout factors of a tile
  float* out_RD;     ///< forward: output of a tile; backward: gradient of the queries
  float* max_R;      ///< forward: largest scores; backward: lse
  float* sum_R;      ///< forward: sums of exponentials; backward: delta
  float* rescale_R;  ///< forward only
  float* dout_RD;    ///< backward only, as the rest
  float* dout_DR;
  float* dp_CR;
  float* dk_SD;
  float* dv_SD;
};

/// Takes the memory of one thread; backward needs more of it.
AttentionScratch take_scratch(Arena& arena, const AttentionSpec& spec, bool backward);

/// What one (sample, group) works on. Strides are between successive positions of the sequence.
struct AttentionItem {
  const AttentionSpec& spec;
  const Dropout& dropout;
  int64_t sample;  ///< row of the microbatch
  int64_t group;
  AttentionScratch scratch;

  int64_t heads_per_group() const { return spec.heads / spec.groups; }
  int64_t head(int64_t index) const { return group * heads_per_group() + index; }
  int64_t qkv_stride() const { return spec.microbatch * spec.qkv_width(); }
  int64_t out_stride() const { return spec.microbatch * spec.out_width(); }
  /// First element of the group's Q of this sample at position 0.
  int64_t qkv_offset() const {
    return sample * spec.qkv_width() + group * (heads_per_group() + 2) * spec.head_dim;
  }
  int64_t out_offset(int64_t head_index) const {
    return sample * spec.out_width() + head(head_index) * spec.head_dim;
  }
  int64_t lse_offset(int64_t head_index) const {
    return (sample * spec.heads + head(head_index)) * spec.sequence;
  }
  float scale() const { return 1.0F / std::sqrt(static_cast<float>(spec.head_dim)); }
};

/// One tile of scores: queries [query, query + num_queries) x keys [key, key + num_keys).
struct ScoreTile {
  int64_t query;
  int64_t num_queries;
  int64_t key;
  int64_t num_keys;

  /// Whether some key comes after some query.
  bool crosses_diagonal() const { return key + num_keys - 1 > query; }
};

/// Copies the group's keys and values to k_SD and v_SD.
void load_keys_and_values(const AttentionItem& item, const float* qkv);

/// p_CR = scale K Q^T with -infinity above the diagonal.
void score_tile(const AttentionItem& item, const ScoreTile& tile);

/// factor_CR = the tile's dropout factors.
void dropout_tile(const AttentionItem& item, int64_t head, const ScoreTile& tile);

/// Writes the item's part of out_SBO and lse_BNS.
void forward_item(const AttentionItem& item, const float* qkv, float* out, float* lse);

/// What backward reads, and dqkv, which it writes.
struct AttentionBackward {
  const float* dout;
  const float* qkv;
  const float* out;
  const float* lse;
  float* dqkv;
};

/// Writes the item's part of dqkv_SBQ.
void backward_item(const AttentionItem& item, const AttentionBackward& data);

}  // namespace weft::kernels
