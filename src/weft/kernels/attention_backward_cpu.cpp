#include <algorithm>

#include "weft/kernels/attention_item.hpp"
#include "weft/kernels/attention_math.hpp"
#include "weft/kernels/lanes.hpp"

namespace weft::kernels {

namespace {

/// max_R = lse and sum_R = delta = sum over d of out * dout, for the queries of a tile.
void load_row_terms(const AttentionItem& item, int64_t head_index, int64_t query, int64_t count,
                    const AttentionBackward& data) {
  const int64_t dim = item.spec.head_dim;
  for (int64_t r = 0; r < kQueries; ++r) {
    item.scratch.max_R[r] = 0.0F;
    item.scratch.sum_R[r] = 0.0F;
    if (r >= count) continue;
    item.scratch.max_R[r] = data.lse[item.lse_offset(head_index) + query + r];
    const int64_t row = item.out_offset(head_index) + (query + r) * item.out_stride();
    const float* __restrict out = data.out + row;
    const float* __restrict dout = data.dout + row;
    item.scratch.sum_R[r] = lane_sum<float>(dim, [=](int64_t d) { return out[d] * dout[d]; });
  }
}

/// From scores and dP: p_CR = dropped probabilities (for dV), dp_CR = score gradients.
void gradient_tile(const AttentionItem& item, const ScoreTile& tile) {
  float* __restrict p_CR = item.scratch.p_CR;
  float* __restrict dp_CR = item.scratch.dp_CR;
  const float* __restrict factor_CR = item.scratch.factor_CR;
  const float* __restrict lse_R = item.scratch.max_R;
  const float* __restrict delta_R = item.scratch.sum_R;
  const float scale = item.scale();
  const bool dropped = item.dropout.active();
  for (int64_t c = 0; c < tile.num_keys; ++c) {
    const int64_t row = c * kQueries;
    if (dropped) {
      for (int64_t r = 0; r < kQueries; ++r) {
        const float p = math::exp(p_CR[row + r] - lse_R[r]);
        const float factor = factor_CR[row + r];
        dp_CR[row + r] = score_gradient(p, dp_CR[row + r] * factor, delta_R[r], scale);
        p_CR[row + r] = p * factor;
      }
    } else {
      for (int64_t r = 0; r < kQueries; ++r) {
        const float p = math::exp(p_CR[row + r] - lse_R[r]);
        dp_CR[row + r] = score_gradient(p, dp_CR[row + r], delta_R[r], scale);
        p_CR[row + r] = p;
      }
    }
  }
}

/// Adds the gradients of one query tile to dk_SD and dv_SD and writes its dQ.
void backward_queries(const AttentionItem& item, int64_t head_index, int64_t query,
                      const AttentionBackward& data) {
  const AttentionSpec& spec = item.spec;
  const AttentionScratch& scratch = item.scratch;
  const int64_t dim = spec.head_dim;
  const int64_t width = padded(dim);
  const int64_t count = std::min(kQueries, spec.sequence - query);
  const int64_t q_offset = item.qkv_offset() + head_index * dim + query * item.qkv_stride();
  const int64_t out_offset = item.out_offset(head_index) + query * item.out_stride();
  copy_rows({data.qkv + q_offset, item.qkv_stride()}, count, kQueries, dim, {scratch.q_RD, width});
  transpose({scratch.q_RD, width}, kQueries, dim, {scratch.q_DR, kQueries});
  copy_rows({data.dout + out_offset, item.out_stride()}, count, kQueries, dim,
            {scratch.dout_RD, width});
  transpose({scratch.dout_RD, width}, kQueries, dim, {scratch.dout_DR, kQueries});
  load_row_terms(item, head_index, query, count, data);
  for (int64_t key = 0; key < query + count; key += kKeys) {
    const ScoreTile tile{query, count, key, std::min(kKeys, query + count - key)};
    const int64_t first = key * width;
    score_tile(item, tile);
    if (item.dropout.active()) dropout_tile(item, item.head(head_index), tile);
    tile_product({tile.num_keys, kQueries, dim}, {scratch.v_SD + first, width, 1},
                 {scratch.dout_DR, kQueries}, {scratch.dp_CR, kQueries}, false);
    gradient_tile(item, tile);
    tile_product({tile.num_keys, width, kQueries}, {scratch.p_CR, kQueries, 1},
                 {scratch.dout_RD, width}, {scratch.dv_SD + first, width}, true);
    tile_product({tile.num_keys, width, kQueries}, {scratch.dp_CR, kQueries, 1},
                 {scratch.q_RD, width}, {scratch.dk_SD + first, width}, true);
    tile_product({kQueries, width, tile.num_keys}, {scratch.dp_CR, 1, kQueries},
                 {scratch.k_SD + first, width}, {scratch.out_RD, width}, key > 0);
  }
  store_rows({scratch.out_RD, width}, count, dim, {data.dqkv + q_offset, item.qkv_stride()});
}

}  // namespace

void backward_item(const AttentionItem& item, const AttentionBackward& data) {
  const int64_t dim = item.spec.head_dim;
  const int64_t width = padded(dim);
  const int64_t sequence = item.spec.sequence;
  load_keys_and_values(item, data.qkv);
  std::fill_n(item.scratch.dk_SD, sequence * width, 0.0F);
  std::fill_n(item.scratch.dv_SD, sequence * width, 0.0F);
  for (int64_t head = 0; head < item.heads_per_group(); ++head) {
    for (int64_t query = 0; query < sequence; query += kQueries) {
      backward_queries(item, head, query, data);
    }
  }
  float* dk = data.dqkv + item.qkv_offset() + item.heads_per_group() * dim;
  store_rows({item.scratch.dk_SD, width}, sequence, dim, {dk, item.qkv_stride()});
  store_rows({item.scratch.dv_SD, width}, sequence, dim, {dk + dim, item.qkv_stride()});
}

}  // namespace weft::kernels
