#include <limits>
#include <type_traits>

#include "weft/kernels/attention_item.hpp"
#include "weft/kernels/attention_pairs.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Below every score, and finite: a query may see no key of its first tile.
constexpr float kLowest = std::numeric_limits<float>::lowest();
// Registers of queries that a loop over keys carries along.
constexpr int64_t kStrip = kWidth == 16 ? 4 : 2;

/// The largest score of each query of a strip.
void strip_max(const float* s_CR, const ScoreTile& tile, int64_t strip, Floats (&largest)[kStrip]) {
#pragma GCC unroll 4
  for (int64_t j = 0; j < kStrip; ++j) largest[j] = broadcast(-kInfinity);
  const float* scores = s_CR + strip;
  const int64_t full_keys = tile.borders == nullptr ? tile.full_keys() : 0;
  for (int64_t c = 0; c < full_keys; ++c) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < kStrip; ++j) {
      largest[j] = max(largest[j], load_floats(scores + c * kQueries + j * kWidth));
    }
  }
  for (int64_t c = full_keys; c < tile.num_keys; ++c) {
#pragma GCC unroll 4
    for (int64_t j = 0; j < kStrip; ++j) {
      const Floats score = load_floats(scores + c * kQueries + j * kWidth);
      largest[j] =
          max(largest[j], counting(tile, c, strip + j * kWidth, score, broadcast(-kInfinity)));
    }
  }
}

/// Turns the scores of a tile into probabilities p_CR = 2^(factor score - max) times dropout's
/// factors, and takes their sum into sum_R. Returns whether a maximum has grown: what the queries
/// have so far must then be multiplied by rescale_R.
template <bool kDropped, typename P>
bool softmax_tile(const AttentionItem<P>& item, const ScoreTile& tile) {
  const AttentionScratch<P>& scratch = item.scratch;
  const Floats factor = broadcast(item.scale() * kLog2E);
  bool grown = false;
  for (int64_t strip = 0; strip < kQueries; strip += kStrip * kWidth) {
    Floats largest[kStrip];
    Floats sum[kStrip];
    strip_max(scratch.s_CR, tile, strip, largest);
#pragma GCC unroll 4
    for (int64_t j = 0; j < kStrip; ++j) {
      const int64_t column = strip + j * kWidth;
      const Floats before = load_floats(scratch.max_R + column);
      largest[j] = max(before, largest[j] * factor);
      const Floats rescale = exp2(before - largest[j]);
      grown = grown || any_greater(largest[j], before);
      store_floats(scratch.rescale_R + column, rescale);
      store_floats(scratch.max_R + column, largest[j]);
      sum[j] = load_floats(scratch.sum_R + column) * rescale;
    }
    for_key_pairs(tile, [&](auto all, int64_t c) {
#pragma GCC unroll 4
      for (int64_t j = 0; j < kStrip; ++j) {
        const int64_t column = strip + j * kWidth;
        Floats p0 = probability<all>(scratch.s_CR, tile, c, column, factor, largest[j]);
        Floats p1 = probability<all>(scratch.s_CR, tile, c + 1, column, factor, largest[j]);
        sum[j] = sum[j] + p0 + p1;
        if constexpr (kDropped) {
          p0 *= factor_of(scratch.factor_CR, tile, c, column);
          p1 *= factor_of(scratch.factor_CR, tile, c + 1, column);
        }
        store_by_columns(p0, p1, scratch.p_CR, c, column);
      }
    });
#pragma GCC unroll 4
    for (int64_t j = 0; j < kStrip; ++j) {
      store_floats(scratch.sum_R + strip + j * kWidth, sum[j]);
    }
  }
  return grown;
}

/// Multiplies the output of each query by rescale_R.
void rescale_output(const float* rescale_R, int64_t width, float* out_RD) {
  for (int64_t r = 0; r < kQueries; ++r) {
    float* out = out_RD + r * width;
    const Floats factor = broadcast(rescale_R[r]);
    for (int64_t d = 0; d < width; d += kWidth)
      store_floats(out + d, factor * load_floats(out + d));
  }
}

/// Output and lse of the queries [query, query + kQueries) of one head.
template <typename T, typename P>
void forward_queries(const AttentionItem<P>& item, int64_t head_index, int64_t query,
                     const AttentionForward& data) {
  const AttentionScratch<P>& scratch = item.scratch;
  const int64_t width = item.width();
  const int64_t left = item.spec.sequence - query;
  const int64_t count = left < kQueries ? left : kQueries;
  const T* q = static_cast<const T*>(data.qkv) + item.qkv_offset(head_index, query);
  load_rows(ElementRows<const T>{q, item.qkv_stride()}, count, kQueries, item.dim(), scratch.q_RD);
  transpose(scratch.q_RD, item.used_places(), item.row_places(), scratch.q_DR);
  for (int64_t r = 0; r < kQueries; ++r) {
    scratch.max_R[r] = item.starts == nullptr ? -kInfinity : kLowest;
    scratch.sum_R[r] = 0.0F;
  }
  for_key_tiles(query, count, item.starts, [&](const ScoreTile& tile) {
    score_product(item, tile, scratch.k_SD, scratch.q_DR, scratch.s_CR);
    bool grown = false;
    if (item.dropout.active()) {
      dropout_tile(item, item.head(head_index), tile);
      grown = softmax_tile<true>(item, tile);
    } else {
      grown = softmax_tile<false>(item, tile);
    }
    if (grown && !tile.first) rescale_output(scratch.rescale_R, width, scratch.out_RD);
    const int64_t places = (tile.num_keys + kElements<P> - 1) / kElements<P>;
    tile_product<P>({kQueries, width, places}, {scratch.p_CR, 1, kQueries},
                    {scratch.v_SD + tile.key / kElements<P> * width, width},
                    {scratch.out_RD, width}, tile.causal(Causal::Part::sum_over_keys), !tile.first);
  });
  T* out = static_cast<T*>(data.out) + item.out_offset(head_index, query);
  float* lse = data.lse + item.lse_offset(head_index) + query;
  for (int64_t r = 0; r < count; ++r) {
    const float sum = scratch.sum_R[r];
    lse[r] = scratch.max_R[r] * kLn2 + math::log(sum);
    store_row(scratch.out_RD + r * width, 1.0F / sum, item.dim(), out + r * item.out_stride());
  }
}

/// All queries of one head of the item's group.
template <typename T, typename P>
void forward_head(const AttentionItem<P>& item, int64_t head_index, const AttentionForward& data) {
  const AttentionSpec& spec = item.spec;
  const T* k = static_cast<const T*>(data.qkv) + item.qkv_offset(item.heads_per_group(), 0);
  const int64_t rows = (spec.sequence + 1) / 2 * 2;
  load_rows(ElementRows<const T>{k, item.qkv_stride()}, spec.sequence, rows, item.dim(),
            item.scratch.k_SD);
  load_columns(ElementRows<const T>{k + item.dim(), item.qkv_stride()}, spec.sequence, rows,
               item.dim(), item.scratch.v_SD);
  for (int64_t query = 0; query < spec.sequence; query += kQueries) {
    forward_queries<T>(item, head_index, query, data);
  }
}

template <typename T, typename P>
void forward(const AttentionWork& work, const AttentionForward& data) {
  const AttentionSpec& spec = work.spec;
  parallel_items(spec.microbatch * spec.heads, work.threads, [&](int64_t index, int thread) {
    const int64_t head = index % spec.heads;
    const int64_t heads_per_group = spec.heads / spec.groups;
    std::byte* memory = work.workspace + static_cast<size_t>(thread) * work.bytes_per_thread;
    const int64_t sample = index / spec.heads;
    const AttentionItem<P> item{
        spec,   work.dropout,           starts_of(work, sample),
        sample, head / heads_per_group, take_scratch<P>(memory, spec, false)};
    forward_head<T>(item, head % heads_per_group, data);
  });
}

}  // namespace

void attention_forward(const AttentionWork& work, const AttentionForward& data) {
#if defined(__AVX512BF16__)
  if (work.products == TileProducts::bf16) return forward<BFloat16, BFloat16Pair>(work, data);
#endif
  with_type(work.spec.dtype, [&]<typename T>(T) { forward<T, float>(work, data); });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
