#include <limits>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/attention_math.hpp"
#include "weft/kernels/element.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

constexpr int64_t kMaxHeadDim = 256;
constexpr int64_t kBlockKeys = 64;

/// Softmax(q K^T / sqrt(D)) V of one query over `count` cached keys that lie `stride` apart.
template <typename T>
void attend(const T* q, const T* keys, const T* values, int64_t count, int64_t stride, int64_t dim,
            T* out) {
  const float factor = 1.0F / math::sqrt(static_cast<float>(dim));
  float sums[kMaxHeadDim] = {};
  OnlineSoftmax softmax{-std::numeric_limits<float>::infinity(), 0.0F};
  for (int64_t first = 0; first < count; first += kBlockKeys) {
    const int64_t block = count - first < kBlockKeys ? count - first : kBlockKeys;
    float scores[kBlockKeys];
    for (int64_t i = 0; i < block; ++i) {
      const T* key = keys + (first + i) * stride;
      scores[i] =
          factor * lane_sum<float>(dim, [=](int64_t d) { return load(q[d]) * load(key[d]); });
    }
    const float rescale = softmax.advance(row_max(block, scores));
    for (int64_t d = 0; d < dim; ++d) sums[d] *= rescale;
    for (int64_t i = 0; i < block; ++i) {
      const float p = math::exp(scores[i] - softmax.max);
      const T* __restrict value = values + (first + i) * stride;
      softmax.sum += p;
      for (int64_t d = 0; d < dim; ++d) sums[d] += p * load(value[d]);
    }
  }
  for (int64_t d = 0; d < dim; ++d) out[d] = store<T>(sums[d] / softmax.sum);
}

/// Which features of a row of queries, keys and values belong to which head.
struct Heads {
  int64_t heads;
  int64_t groups;
  int64_t dim;

  int64_t per_group() const { return heads / groups; }
  int64_t group_width() const { return (per_group() + 2) * dim; }
  int64_t width() const { return groups * group_width(); }
  int64_t cache_stride() const { return groups * dim; }
  int64_t query(int64_t head) const {
    return head / per_group() * group_width() + head % per_group() * dim;
  }
  int64_t key(int64_t group) const { return group * group_width() + per_group() * dim; }
};

template <typename T>
void with_cache(const Heads& layout, ConstTensorView qkv_SQ, int64_t past,
                const KeyValueCache& cache, TensorView out_SO) {
  const int64_t tokens = qkv_SQ.num_elements() / layout.width();
  const T* qkv = qkv_SQ.data<T>();
  T* keys = cache.keys_CGD.data<T>();
  T* values = cache.values_CGD.data<T>();
  T* out = out_SO.data<T>();
  for (int64_t s = 0; s < tokens; ++s) {
    for (int64_t group = 0; group < layout.groups; ++group) {
      const T* k = qkv + s * layout.width() + layout.key(group);
      const int64_t to = (past + s) * layout.cache_stride() + group * layout.dim;
      for (int64_t d = 0; d < layout.dim; ++d) keys[to + d] = k[d];
      for (int64_t d = 0; d < layout.dim; ++d) values[to + d] = k[layout.dim + d];
    }
  }
  parallel_pieces(tokens * layout.heads, 1, [=](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t s = index / layout.heads;
      const int64_t head = index % layout.heads;
      const int64_t first = head / layout.per_group() * layout.dim;
      attend(qkv + s * layout.width() + layout.query(head), keys + first, values + first,
             past + s + 1, layout.cache_stride(), layout.dim, out + index * layout.dim);
    }
  });
}

}  // namespace

void attention_with_cache(const Context& /*context*/, int64_t heads, int64_t groups,
                          int64_t head_dim, ConstTensorView qkv_SQ, int64_t past,
                          const KeyValueCache& cache, TensorView out_SO) {
  with_type(qkv_SQ.dtype(), [&]<typename T>(T) {
    with_cache<T>({heads, groups, head_dim}, qkv_SQ, past, cache, out_SO);
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
