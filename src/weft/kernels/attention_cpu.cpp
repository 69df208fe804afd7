#include <algorithm>
#include <cmath>
#include <limits>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/attention_math.hpp"
#include "weft/kernels/attention_tiles.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/tensor/arena.hpp"

// Causal attention in tiles of kQueries x kKeys. Scores are kept transposed, S^T[key, query]: the
// maximum, sum and rescaling of every query are then vertical operations over a vector of queries,
// and P^T and dS^T have the layout that the next product reads (reference/cpu.md 2). A (sample,
// group) is one item of work; within it heads, query tiles and key tiles run in order.

namespace weft::kernels {

namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// Memory of one thread; all matrices are row-major with rows padded to `width` columns.
struct Scratch {
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

Scratch take_scratch(Arena& arena, const AttentionSpec& spec, bool backward) {
  const int64_t width = padded(spec.head_dim);
  const int64_t sequence = spec.sequence;
  const auto take = [&arena](int64_t rows, int64_t columns) {
    const TensorView view = arena.take({rows, columns});
    return view.empty() ? nullptr : view.data<float>();
  };
  Scratch scratch{};
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

size_t scratch_bytes(const AttentionSpec& spec) {
  Arena counter;
  take_scratch(counter, spec, true);
  return counter.used_bytes();
}

/// What one (sample, group) works on. Strides are between successive positions of the sequence.
struct Item {
  const AttentionSpec& spec;
  const Dropout& dropout;
  int64_t sample;  ///< row of the microbatch
  int64_t group;
  Scratch scratch;

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
struct Tile {
  int64_t query;
  int64_t num_queries;
  int64_t key;
  int64_t num_keys;

  /// Whether some key comes after some query.
  bool crosses_diagonal() const { return key + num_keys - 1 > query; }
};

void load_keys_and_values(const Item& item, const float* qkv) {
  const AttentionSpec& spec = item.spec;
  const int64_t dim = spec.head_dim;
  const float* k = qkv + item.qkv_offset() + item.heads_per_group() * dim;
  const RowMatrix<const float> keys{k, item.qkv_stride()};
  const RowMatrix<const float> values{k + dim, item.qkv_stride()};
  const int64_t width = padded(dim);
  copy_rows(keys, spec.sequence, spec.sequence, dim, {item.scratch.k_SD, width});
  copy_rows(values, spec.sequence, spec.sequence, dim, {item.scratch.v_SD, width});
}

/// p_CR = scale K Q^T with -infinity above the diagonal.
void score_tile(const Item& item, const Tile& tile) {
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
    std::fill(p_CR + c * kQueries, p_CR + c * kQueries + masked, kMinusInfinity);
  }
}

/// factor_CR = the tile's dropout factors.
void dropout_tile(const Item& item, int64_t head, const Tile& tile) {
  const int64_t sequence = item.spec.sequence;
  const auto sample =
      static_cast<uint64_t>(item.dropout.samples_B[static_cast<size_t>(item.sample)]);
  const int64_t first = (head * sequence + tile.query) * sequence + tile.key;
  dropout_factors(item.dropout, sample, {first, sequence, tile.num_queries, tile.num_keys},
                  item.scratch.factor_CR);
}

/// Turns the scores of a tile into exp(score - max) and rescales what the query tile has so far.
void softmax_tile(const Scratch& scratch, const Tile& tile, int64_t width) {
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
void forward_queries(const Item& item, int64_t head_index, int64_t query, const float* qkv,
                     float* out, float* lse) {
  const AttentionSpec& spec = item.spec;
  const Scratch& scratch = item.scratch;
  const int64_t dim = spec.head_dim;
  const int64_t width = padded(dim);
  const int64_t count = std::min(kQueries, spec.sequence - query);
  const float* q = qkv + item.qkv_offset() + head_index * dim + query * item.qkv_stride();
  copy_rows({q, item.qkv_stride()}, count, kQueries, dim, {scratch.q_RD, width});
  transpose({scratch.q_RD, width}, kQueries, dim, {scratch.q_DR, kQueries});
  std::fill_n(scratch.out_RD, kQueries * width, 0.0F);
  std::fill_n(scratch.max_R, kQueries, kMinusInfinity);
  std::fill_n(scratch.sum_R, kQueries, 0.0F);
  for (int64_t key = 0; key < query + count; key += kKeys) {
    const Tile tile{query, count, key, std::min(kKeys, query + count - key)};
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

/// What backward reads and writes of one query tile.
struct BackwardData {
  const float* dout;
  const float* qkv;
  const float* out;
  const float* lse;
  float* dqkv;
};

/// max_R = lse and sum_R = delta = sum over d of out * dout, for the queries of a tile.
void load_row_terms(const Item& item, int64_t head_index, int64_t query, int64_t count,
                    const BackwardData& data) {
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
void gradient_tile(const Item& item, const Tile& tile) {
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
void backward_queries(const Item& item, int64_t head_index, int64_t query,
                      const BackwardData& data) {
  const AttentionSpec& spec = item.spec;
  const Scratch& scratch = item.scratch;
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
    const Tile tile{query, count, key, std::min(kKeys, query + count - key)};
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

struct AttentionPlan::Backend {
  int threads = 1;
  size_t bytes_per_thread = 0;
};

AttentionPlan::AttentionPlan(const Stream& /*stream*/, const AttentionSpec& spec)
    : spec_(spec), backend_(std::make_unique<Backend>()) {
  check(spec.sequence > 0 && spec.microbatch > 0 && spec.heads > 0 && spec.groups > 0,
        ErrorKind::internal,
        "attention over sequence {}, microbatch {}, {} heads, {} groups; each must be at least 1",
        spec.sequence, spec.microbatch, spec.heads, spec.groups);
  check(spec.heads % spec.groups == 0, ErrorKind::internal,
        "{} attention heads do not divide into {} query groups", spec.heads, spec.groups);
  check(spec.head_dim >= 1 && spec.head_dim <= 256, ErrorKind::internal,
        "attention head size {}; expected 1 to 256", spec.head_dim);
  check(spec.dtype == DType::f32, ErrorKind::internal, "attention of {}; expected f32",
        name(spec.dtype));
  backend_->threads =
      static_cast<int>(std::min<int64_t>(num_threads(), spec.microbatch * spec.groups));
  backend_->bytes_per_thread = aligned_size(scratch_bytes(spec));
}

AttentionPlan::~AttentionPlan() = default;
AttentionPlan::AttentionPlan(AttentionPlan&&) noexcept = default;
AttentionPlan& AttentionPlan::operator=(AttentionPlan&&) noexcept = default;

size_t AttentionPlan::workspace_bytes() const {
  return static_cast<size_t>(backend_->threads) * backend_->bytes_per_thread;
}

namespace {

void check_samples(const Dropout& dropout, int64_t microbatch) {
  check(!dropout.active() || dropout.samples_B.size() == static_cast<size_t>(microbatch),
        ErrorKind::internal, "dropout knows {} samples; the microbatch has {}",
        dropout.samples_B.size(), microbatch);
}

}  // namespace

void AttentionPlan::forward(const Context& context, const Dropout& dropout, ConstTensorView qkv_SBQ,
                            TensorView out_SBO, TensorView lse_BNS) const {
  const int64_t tokens = spec_.sequence * spec_.microbatch;
  check_size("qkv_SBQ", qkv_SBQ, tokens * spec_.qkv_width());
  check_size("out_SBO", out_SBO, tokens * spec_.out_width());
  check_size("lse_BNS", lse_BNS, tokens * spec_.heads);
  check_workspace("AttentionPlan::forward", context, workspace_bytes());
  check_samples(dropout, spec_.microbatch);
  const float* qkv = qkv_SBQ.data<float>();
  float* out = out_SBO.data<float>();
  float* lse = lse_BNS.data<float>();
  const size_t bytes = backend_->bytes_per_thread;
  const auto run_item = [&, qkv, out, lse, bytes](int64_t index, int thread) {
    Arena arena(context.workspace.data() + static_cast<size_t>(thread) * bytes, bytes);
    const Item item{spec_, dropout, index / spec_.groups, index % spec_.groups,
                    take_scratch(arena, spec_, false)};
    load_keys_and_values(item, qkv);
    for (int64_t head = 0; head < item.heads_per_group(); ++head) {
      for (int64_t query = 0; query < spec_.sequence; query += kQueries) {
        forward_queries(item, head, query, qkv, out, lse);
      }
    }
  };
  parallel_items(spec_.microbatch * spec_.groups, backend_->threads, run_item);
}

void AttentionPlan::backward(const Context& context, const Dropout& dropout,
                             ConstTensorView dout_SBO, ConstTensorView qkv_SBQ,
                             ConstTensorView out_SBO, ConstTensorView lse_BNS,
                             TensorView dqkv_SBQ) const {
  const int64_t tokens = spec_.sequence * spec_.microbatch;
  check_size("dout_SBO", dout_SBO, tokens * spec_.out_width());
  check_size("qkv_SBQ", qkv_SBQ, tokens * spec_.qkv_width());
  check_size("out_SBO", out_SBO, tokens * spec_.out_width());
  check_size("lse_BNS", lse_BNS, tokens * spec_.heads);
  check_size("dqkv_SBQ", dqkv_SBQ, tokens * spec_.qkv_width());
  check_workspace("AttentionPlan::backward", context, workspace_bytes());
  check_samples(dropout, spec_.microbatch);
  const BackwardData data{dout_SBO.data<float>(), qkv_SBQ.data<float>(), out_SBO.data<float>(),
                          lse_BNS.data<float>(), dqkv_SBQ.data<float>()};
  const size_t bytes = backend_->bytes_per_thread;
  const auto run_item = [&, bytes](int64_t index, int thread) {
    Arena arena(context.workspace.data() + static_cast<size_t>(thread) * bytes, bytes);
    const Item item{spec_, dropout, index / spec_.groups, index % spec_.groups,
                    take_scratch(arena, spec_, true)};
    const int64_t dim = spec_.head_dim;
    const int64_t width = padded(dim);
    load_keys_and_values(item, data.qkv);
    std::fill_n(item.scratch.dk_SD, spec_.sequence * width, 0.0F);
    std::fill_n(item.scratch.dv_SD, spec_.sequence * width, 0.0F);
    for (int64_t head = 0; head < item.heads_per_group(); ++head) {
      for (int64_t query = 0; query < spec_.sequence; query += kQueries) {
        backward_queries(item, head, query, data);
      }
    }
    float* dk = data.dqkv + item.qkv_offset() + item.heads_per_group() * dim;
    store_rows({item.scratch.dk_SD, width}, spec_.sequence, dim, {dk, item.qkv_stride()});
    store_rows({item.scratch.dv_SD, width}, spec_.sequence, dim, {dk + dim, item.qkv_stride()});
  };
  parallel_items(spec_.microbatch * spec_.groups, backend_->threads, run_item);
}

}  // namespace weft::kernels
