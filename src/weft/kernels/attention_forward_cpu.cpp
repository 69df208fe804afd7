#include <algorithm>

#include "weft/kernels/attention_item.hpp"
#include "weft/kernels/attention_math.hpp"

namespace weft::kernels {

namespace {

/// Turns the scores of a tile into exp(score - max) and rescales what the query tile has so far.
void softmax_tile(const AttentionScratch& scratch, const ScoreTile& tile, int64_t width) {
  float* __restrict p_CR = scratch.p_CR;
  float* __restrict max_R = scratch.max_R;
  float* __restrict sum_R = scratch.sum_R;
  float* __restrict rescale_R = scratch.rescale_R;
  float block_max_R[kQueries];
  std::copy(p_CR, p_CR + kQueries, block_max_R);
  for (int64_t c = 1; c < tile.num_keys; ++c) {
    for (int64_t r = 0; r < kQueries; ++r) {
      block_max_R[r] = math::max(block_max_R[r], p_CR[c * kQueries + r]);
    }
  }
  for (int64_t r = 0; r < kQueries; ++r) {
    OnlineSoftmax softmax{max_R[r], sum_R[r]};
    rescale_R[r] = softmax.advance(block_max_R[r]);
    max_R[r] = softmax.max;
    sum_R[r] = softmax.sum;
  }
  for (int64_t c = 0; c < tile.num_keys; ++c) {
    for (int64_t r = 0; r < kQueries; ++r) {
      const float p = math::exp(p_CR[c * kQueries + r] - max_R[r]);
      p_CR[c * kQueries + r] = p;
      sum_R[r] += p;
    }
  }
  for (int64_t r = 0; r < kQueries; ++r) {
    float* __restrict out = scratch.out_RD + r * width;
    const float factor = rescale_R[r];
    for (int64_t d = 0; d < width; ++d) out[d] *= factor;
  }
}

void multiply(const float* __restrict factors, int64_t size, float* __restrict values) {
  for (int64_t i = 0; i < size; ++i) values[i] *= factors[i];
}

/// Output and lse of the queries [query, query + kQueries) of one head.
void forward_queries(const AttentionItem& item, int64_t head_index, int64_t query, const float* qkv,
                     float* out, float* lse) {
  const AttentionSpec& spec = item.spec;
  const AttentionScratch& scratch = item.scratch;
  const int64_t dim = spec.head_dim;
  const int64_t width = padded(dim);
  const int64_t count = std::min(kQueries, spec.sequence - query);
  const float* q = qkv + item.qkv_offset() + head_index * dim + query * item.qkv_stride();
  copy_rows({q, item.qkv_stride()}, count, kQueries, dim, {scratch.q_RD, width});
  transpose({scratch.q_RD, width}, kQueries, dim, {scratch.q_DR, kQueries});
  std::fill_n(scratch.out_RD, kQueries * width, 0.0F);
  std::fill_n(scratch.max_R, kQueries, -std::numeric_limits<float>::infinity());
  std::fill_n(scratch.sum_R, kQueries, 0.0F);
  for (int64_t key = 0; key < query + count; key += kKeys) {
    const ScoreTile tile{query, count, key, std::min(kKeys, query + count - key)};
    score_tile(item, tile);
    softmax_tile(scratch, tile, width);
    if (item.dropout.active()) {
      dropout_tile(item, item.head(head_index), tile);
      multiply(scratch.factor_CR, tile.num_keys * kQueries, scratch.p_CR);
    }
    tile_product({kQueries, width, tile.num_keys}, {scratch.p_CR, 1, kQueries},
                 {scratch.v_SD + key * width, width}, {scratch.out_RD, width}, true);
  }
  for (int64_t r = 0; r < count; ++r) {
    const OnlineSoftmax softmax{scratch.max_R[r], scratch.sum_R[r]};
    lse[item.lse_offset(head_index) + query + r] = softmax.log_sum();
    const float reciprocal = 1.0F / softmax.sum;
    const float* __restrict from = scratch.out_RD + r * width;
    float* __restrict to = out + item.out_offset(head_index) + (query + r) * item.out_stride();
    for (int64_t d = 0; d < dim; ++d) to[d] = from[d] * reciprocal;
  }
}

}  // namespace

void forward_item(const AttentionItem& item, const float* qkv, float* out, float* lse) {
  load_keys_and_values(item, qkv);
  for (int64_t head = 0; head < item.heads_per_group(); ++head) {
    for (int64_t query = 0; query < item.spec.sequence; query += kQueries) {
      forward_queries(item, head, query, qkv, out, lse);
    }
  }
}

}  // namespace weft::kernels
