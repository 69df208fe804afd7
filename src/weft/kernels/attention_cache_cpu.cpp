#include <algorithm>
#include <cmath>
#include <limits>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/attention_math.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels {

namespace {

constexpr int64_t kMaxHeadDim = 256;
constexpr int64_t kBlockKeys = 64;

/// Softmax(q K^T / sqrt(D)) V of one query over `count` cached keys that lie `stride` apart.
void attend(const float* q, const float* keys, const float* values, int64_t count, int64_t stride,
            int64_t dim, float* out) {
  const float factor = 1.0F / std::sqrt(static_cast<float>(dim));
  float sums[kMaxHeadDim] = {};
  OnlineSoftmax softmax{-std::numeric_limits<float>::infinity(), 0.0F};
  for (int64_t first = 0; first < count; first += kBlockKeys) {
    const int64_t block = std::min(kBlockKeys, count - first);
    float scores[kBlockKeys];
    for (int64_t i = 0; i < block; ++i) {
      const float* key = keys + (first + i) * stride;
      scores[i] = factor * lane_sum<float>(dim, [=](int64_t d) { return q[d] * key[d]; });
    }
    const float rescale = softmax.advance(lane_max(scores, block));
    for (int64_t d = 0; d < dim; ++d) sums[d] *= rescale;
    for (int64_t i = 0; i < block; ++i) {
      const float p = math::exp(scores[i] - softmax.max);
      const float* __restrict value = values + (first + i) * stride;
      softmax.sum += p;
      for (int64_t d = 0; d < dim; ++d) sums[d] += p * value[d];
    }
  }
  for (int64_t d = 0; d < dim; ++d) out[d] = sums[d] / softmax.sum;
}

}  // namespace

void attention_with_cache(const Context& /*context*/, int64_t heads, int64_t groups,
                          int64_t head_dim, ConstTensorView qkv_SQ, int64_t past,
                          const KeyValueCache& cache, TensorView out_SO) {
  check(heads > 0 && groups > 0 && heads % groups == 0, ErrorKind::internal,
        "{} attention heads do not divide into {} query groups", heads, groups);
  check(head_dim >= 1 && head_dim <= kMaxHeadDim, ErrorKind::internal,
        "attention head size {}; expected 1 to {}", head_dim, kMaxHeadDim);
  const int64_t capacity = cache.keys_CGD.shape()[0];
  const int64_t width = (heads + 2 * groups) * head_dim;
  const int64_t tokens = qkv_SQ.num_elements() / width;
  const int64_t stride = groups * head_dim;
  check_size("qkv_SQ", qkv_SQ, tokens * width);
  check_size("out_SO", out_SO, tokens * heads * head_dim);
  check_size("keys_CGD", cache.keys_CGD, capacity * stride);
  check_size("values_CGD", cache.values_CGD, capacity * stride);
  check(past >= 0 && past + tokens <= capacity, ErrorKind::internal,
        "{} new tokens after {} cached ones; the cache holds {}", tokens, past, capacity);
  const int64_t heads_per_group = heads / groups;
  const int64_t group_width = (heads_per_group + 2) * head_dim;
  const float* qkv = qkv_SQ.data<float>();
  float* keys = cache.keys_CGD.data<float>();
  float* values = cache.values_CGD.data<float>();
  float* out = out_SO.data<float>();
  for (int64_t s = 0; s < tokens; ++s) {
    for (int64_t group = 0; group < groups; ++group) {
      const float* k = qkv + s * width + group * group_width + heads_per_group * head_dim;
      const int64_t to = (past + s) * stride + group * head_dim;
      std::copy_n(k, head_dim, keys + to);
      std::copy_n(k + head_dim, head_dim, values + to);
    }
  }
  parallel_pieces(tokens * heads, 1, [=](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t s = index / heads;
      const int64_t head = index % heads;
      const int64_t group = head / heads_per_group;
      const float* q = qkv + s * width + group * group_width + head % heads_per_group * head_dim;
      attend(q, keys + group * head_dim, values + group * head_dim, past + s + 1, stride, head_dim,
             out + index * head_dim);
    }
  });
}

}  // namespace weft::kernels
