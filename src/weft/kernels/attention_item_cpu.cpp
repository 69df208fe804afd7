#include "weft/kernels/attention_item.hpp"

#include <algorithm>

namespace weft::kernels {

AttentionScratch take_scratch(Arena& arena, const AttentionSpec& spec, bool backward) {
  const int64_t width = padded(spec.head_dim);
  const int64_t sequence = spec.sequence;
  const auto take = [&arena](int64_t rows, int64_t columns) {
    const TensorView view = arena.take({rows, columns});
    return view.empty() ? nullptr : view.data<float>();
  };
  AttentionScratch scratch{};
  scratch.k_SD = take(sequence, width);
  scratch.v_SD = take(sequence, width);
  scratch.q_RD = take(kQueries, width);
  scratch.q_DR = take(width, kQueries);
  scratch.p_CR = take(kKeys, kQueries);
  scratch.factor_CR = take(kKeys, kQueries);
  scratch.out_RD = take(kQueries, width);
  scratch.max_R = take(1, kQueries);
  scratch.sum_R = take(1, kQueries);
  scratch.rescale_R = take(1, kQueries);
  if (!backward) return scratch;
  scratch.dout_RD = take(kQueries, width);
  scratch.dout_DR = take(width, kQueries);
  scratch.dp_CR = take(kKeys, kQueries);
  scratch.dk_SD = take(sequence, width);
  scratch.dv_SD = take(sequence, width);
  return scratch;
}

void load_keys_and_values(const AttentionItem& item, const float* qkv) {
  const AttentionSpec& spec = item.spec;
  const int64_t dim = spec.head_dim;
  const float* k = qkv + item.qkv_offset() + item.heads_per_group() * dim;
  const RowMatrix<const float> keys{k, item.qkv_stride()};
  const RowMatrix<const float> values{k + dim, item.qkv_stride()};
  const int64_t width = padded(dim);
  copy_rows(keys, spec.sequence, spec.sequence, dim, {item.scratch.k_SD, width});
  copy_rows(values, spec.sequence, spec.sequence, dim, {item.scratch.v_SD, width});
}

void score_tile(const AttentionItem& item, const ScoreTile& tile) {
  const int64_t width = padded(item.spec.head_dim);
  float* __restrict p_CR = item.scratch.p_CR;
  tile_product({tile.num_keys, kQueries, item.spec.head_dim},
               {item.scratch.k_SD + tile.key * width, width, 1}, {item.scratch.q_DR, kQueries},
               {p_CR, kQueries}, false);
  const float scale = item.scale();
  for (int64_t i = 0; i < tile.num_keys * kQueries; ++i) p_CR[i] *= scale;
  if (!tile.crosses_diagonal()) return;
  for (int64_t c = 0; c < tile.num_keys; ++c) {
    const int64_t masked = std::clamp<int64_t>(tile.key + c - tile.query, 0, kQueries);
    std::fill(p_CR + c * kQueries, p_CR + c * kQueries + masked,
              -std::numeric_limits<float>::infinity());
  }
}

void dropout_tile(const AttentionItem& item, int64_t head, const ScoreTile& tile) {
  const int64_t sequence = item.spec.sequence;
  const auto sample =
      static_cast<uint64_t>(item.dropout.samples_B[static_cast<size_t>(item.sample)]);
  const int64_t first = (head * sequence + tile.query) * sequence + tile.key;
  dropout_factors(item.dropout, sample, {first, sequence, tile.num_queries, tile.num_keys},
                  item.scratch.factor_CR);
}

}  // namespace weft::kernels
