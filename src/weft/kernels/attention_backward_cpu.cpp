#include <type_traits>

#include "weft/kernels/attention_item.hpp"
#include "weft/kernels/attention_pairs.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

/// max_R = lse log2(e) and sum_R = delta = sum over d of out * dout, for the queries of a tile.
template <typename T, typename P>
void load_row_terms(const AttentionItem<P>& item, int64_t head_index, int64_t query, int64_t count,
                    const AttentionBackward& data) {
  const float* lse = data.lse + item.lse_offset(head_index) + query;
  const int64_t offset = item.out_offset(head_index, query);
  const ElementRows<const T> out{static_cast<const T*>(data.out) + offset, item.out_stride()};
  const ElementRows<const T> dout{static_cast<const T*>(data.dout) + offset, item.out_stride()};
  for (int64_t r = 0; r < kQueries; ++r) {
    item.scratch.max_R[r] = 0.0F;
    item.scratch.sum_R[r] = 0.0F;
    if (r >= count) continue;
    prefetch_row(out, r, count, item.dim());
    const T* out_row = out.row(r);
    const T* dout_row = dout.row(r);
    item.scratch.max_R[r] = lse[r] * kLog2E;
    item.scratch.sum_R[r] = lane_sum<float>(
        item.dim(), [=](int64_t d) { return load(out_row[d]) * load(dout_row[d]); });
  }
}

/// From scores and dP: p_CR = dropped probabilities (for dV), ds = score gradients without their
/// scale, which dQ and dK get when they are stored.
template <bool kDropped, typename P>
void gradient_tile(const AttentionItem<P>& item, const ScoreTile& tile) {
  const AttentionScratch<P>& scratch = item.scratch;
  const Floats factor = broadcast(item.scale() * kLog2E);
  for_key_pairs(tile, [&](auto all, int64_t c) {
    for (int64_t column = 0; column < kQueries; column += kWidth) {
      const Floats lse = load_floats(scratch.max_R + column);
      const Floats delta = load_floats(scratch.sum_R + column);
      Floats p[2];
      Floats ds[2];
#pragma GCC unroll 2
      for (int64_t i = 0; i < 2; ++i) {
        p[i] = probability<all>(scratch.s_CR, tile, c + i, column, factor, lse);
        Floats dp = load_floats(scratch.dp_CR + (c + i) * kQueries + column);
        Floats kept = p[i];
        if constexpr (kDropped) {
          const Floats dropout = factor_of(scratch.factor_CR, tile, c + i, column);
          dp *= dropout;
          kept *= dropout;
        }
        ds[i] = p[i] * (dp - delta);
        if constexpr (!all) {
          ds[i] = counting(tile, c + i, column, ds[i], Floats{});
        }
        p[i] = kept;
      }
      store_by_rows(p[0], p[1], scratch.p_CR, c, column);
      store_by_rows(ds[0], ds[1], scratch.ds_CR, c, column);
      if constexpr (!std::is_same_v<P, float>) {
        store_by_columns(ds[0], ds[1], scratch.ds_pairs_CR, c, column);
      }
    }
  });
}

/// Brings a tile's queries or output gradients into both forms that the products read.
template <typename T, typename P>
void load_both(const AttentionItem<P>& item, ElementRows<const T> from, int64_t count, P* to_RD,
               P* to_DR) {
  load_columns(from, count, kQueries, item.dim(), to_RD);
  const P* rows = to_RD;
  if constexpr (!std::is_same_v<P, float>) {
    load_rows(from, count, kQueries, item.dim(), item.scratch.rows_RD);
    rows = item.scratch.rows_RD;
  }
  transpose(rows, item.used_places(), item.row_places(), to_DR);
}

/// Adds a tile's products to dV, dK and dQ.
template <typename P>
void add_products(const AttentionItem<P>& item, const ScoreTile& tile) {
  const AttentionScratch<P>& scratch = item.scratch;
  const int64_t width = item.width();
  constexpr int64_t kQueryPlaces = kQueries / kElements<P>;
  const int64_t key_places = (tile.num_keys + kElements<P> - 1) / kElements<P>;
  const TileSize by_key{tile.num_keys, width, kQueryPlaces};
  const Causal over_queries = tile.causal(Causal::Part::sum_over_queries);
  tile_product<P>(by_key, {scratch.p_CR, kQueryPlaces, 1}, {scratch.dout_RD, width},
                  {scratch.dv_SD + tile.key * width, width}, over_queries, true);
  tile_product<P>(by_key, {scratch.ds_CR, kQueryPlaces, 1}, {scratch.q_RD, width},
                  {scratch.dk_SD + tile.key * width, width}, over_queries, true);
  tile_product<P>({kQueries, width, key_places}, {scratch.ds_pairs_CR, 1, kQueries},
                  {scratch.k_pairs_SD + tile.key / kElements<P> * width, width},
                  {scratch.out_RD, width}, tile.causal(Causal::Part::sum_over_keys), !tile.first);
}

/// Adds the gradients of one query tile to dk_SD and dv_SD and writes its dQ.
template <typename T, typename P>
void backward_queries(const AttentionItem<P>& item, int64_t head_index, int64_t query,
                      const AttentionBackward& data) {
  const AttentionScratch<P>& scratch = item.scratch;
  const int64_t left = item.spec.sequence - query;
  const int64_t count = left < kQueries ? left : kQueries;
  const int64_t q_offset = item.qkv_offset(head_index, query);
  const T* q = static_cast<const T*>(data.qkv) + q_offset;
  const T* dout = static_cast<const T*>(data.dout) + item.out_offset(head_index, query);
  load_both(item, ElementRows<const T>{q, item.qkv_stride()}, count, scratch.q_RD, scratch.q_DR);
  load_both(item, ElementRows<const T>{dout, item.out_stride()}, count, scratch.dout_RD,
            scratch.dout_DR);
  load_row_terms<T>(item, head_index, query, count, data);
  for_key_tiles(query, count, item.starts, [&](const ScoreTile& tile) {
    score_product(item, tile, scratch.k_SD, scratch.q_DR, scratch.s_CR);
    score_product(item, tile, scratch.v_SD, scratch.dout_DR, scratch.dp_CR);
    if (item.dropout.active()) {
      dropout_tile(item, item.head(head_index), tile);
      gradient_tile<true>(item, tile);
    } else {
      gradient_tile<false>(item, tile);
    }
    add_products(item, tile);
  });
  store_rows(scratch.out_RD, item.width(), item.scale(), count, item.dim(),
             ElementRows<T>{static_cast<T*>(data.dqkv) + q_offset, item.qkv_stride()});
}

/// A (sample, group): its heads in order.
template <typename T, typename P>
void backward_item(const AttentionItem<P>& item, const AttentionBackward& data) {
  const AttentionScratch<P>& scratch = item.scratch;
  const int64_t sequence = item.spec.sequence;
  const int64_t rows = (sequence + 1) / 2 * 2;
  const int64_t k_offset = item.qkv_offset(item.heads_per_group(), 0);
  const T* k = static_cast<const T*>(data.qkv) + k_offset;
  const ElementRows<const T> keys{k, item.qkv_stride()};
  const ElementRows<const T> values{k + item.dim(), item.qkv_stride()};
  load_rows(keys, sequence, rows, item.dim(), scratch.k_SD);
  load_rows(values, sequence, rows, item.dim(), scratch.v_SD);
  if constexpr (!std::is_same_v<P, float>) {
    load_columns(keys, sequence, rows, item.dim(), scratch.k_pairs_SD);
  }
  for (int64_t i = 0; i < sequence * item.width(); ++i) scratch.dk_SD[i] = 0.0F;
  for (int64_t i = 0; i < sequence * item.width(); ++i) scratch.dv_SD[i] = 0.0F;
  for (int64_t head = 0; head < item.heads_per_group(); ++head) {
    for (int64_t query = 0; query < sequence; query += kQueries) {
      backward_queries<T>(item, head, query, data);
    }
  }
  T* dk = static_cast<T*>(data.dqkv) + k_offset;
  store_rows(scratch.dk_SD, item.width(), item.scale(), sequence, item.dim(),
             ElementRows<T>{dk, item.qkv_stride()});
  store_rows(scratch.dv_SD, item.width(), 1.0F, sequence, item.dim(),
             ElementRows<T>{dk + item.dim(), item.qkv_stride()});
}

template <typename T, typename P>
void backward(const AttentionWork& work, const AttentionBackward& data) {
  const AttentionSpec& spec = work.spec;
  parallel_items(spec.microbatch * spec.groups, work.threads, [&](int64_t index, int thread) {
    std::byte* memory = work.workspace + static_cast<size_t>(thread) * work.bytes_per_thread;
    const int64_t sample = index / spec.groups;
    const AttentionItem<P> item{spec,   work.dropout,        starts_of(work, sample),
                                sample, index % spec.groups, take_scratch<P>(memory, spec, true)};
    backward_item<T>(item, data);
  });
}

}  // namespace

void attention_backward(const AttentionWork& work, const AttentionBackward& data) {
#if defined(__AVX512BF16__)
  if (work.products == TileProducts::bf16) return backward<BFloat16, BFloat16Pair>(work, data);
#endif
  with_type(work.spec.dtype, [&]<typename T>(T) { backward<T, float>(work, data); });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
