#include "weft/kernels/attention_graph.hpp"

#include "weft/base/error.hpp"
#include "weft/kernels/head_layout.hpp"

namespace weft::kernels {

namespace {

/// The sizes as the graph sees them: a batch of evenly spaced heads.
struct Heads {
  int64_t batch;     ///< B, or B * G
  int64_t heads;     ///< N, or N / G
  int64_t kv_heads;  ///< N, or 1
  int64_t sequence;
  int64_t head_dim;
  int64_t qkv_batch_stride;
  int64_t qkv_head_stride;
  int64_t qkv_row_stride;
  int64_t out_batch_stride;
  int64_t out_row_stride;
  GraphType type;

  std::array<int64_t, 4> scores() const { return {batch, heads, sequence, sequence}; }
  std::array<int64_t, 4> rows() const { return {batch, heads, sequence, 1}; }
  std::array<int64_t, 4> features() const { return {batch, heads, sequence, head_dim}; }
  bool shares_keys() const { return kv_heads != heads; }
};

Heads heads_of(const AttentionGraphSpec& spec) {
  const AttentionSpec& sizes = spec.sizes;
  check(sizes.dtype == DType::bf16 || sizes.dtype == DType::f16, ErrorKind::internal,
        "attention graphs take bf16 and f16, not {}", name(sizes.dtype));
  check(sizes.head_dim % 8 == 0 && sizes.head_dim <= 256, ErrorKind::internal,
        "attention graphs take head dims in multiples of 8 up to 256, not {}", sizes.head_dim);
  check(spec.dropout >= 0.0 && spec.dropout < 1.0, ErrorKind::internal,
        "a dropout rate of {} is outside [0, 1)", spec.dropout);
  const HeadLayout layout{sizes.heads, sizes.groups, sizes.head_dim};
  const bool shares = layout.heads_per_group() > 1;
  return {
      .batch = shares ? sizes.microbatch * sizes.groups : sizes.microbatch,
      .heads = shares ? layout.heads_per_group() : sizes.heads,
      .kv_heads = shares ? 1 : sizes.heads,
      .sequence = sizes.sequence,
      .head_dim = sizes.head_dim,
      .qkv_batch_stride = shares ? layout.group_width() : layout.qkv_width(),
      .qkv_head_stride = shares ? sizes.head_dim : layout.group_width(),
      .qkv_row_stride = sizes.microbatch * layout.qkv_width(),
      .out_batch_stride = shares ? layout.heads_per_group() * sizes.head_dim : sizes.out_width(),
      .out_row_stride = sizes.microbatch * sizes.out_width(),
      .type = sizes.dtype == DType::bf16 ? GraphType::bf16 : GraphType::f16};
}

GraphTensor qkv_part(const Heads& heads, int64_t count) {
  return {.dims = {heads.batch, count, heads.sequence, heads.head_dim},
          .strides = {heads.qkv_batch_stride, heads.qkv_head_stride, heads.qkv_row_stride, 1},
          .type = heads.type,
          .storage = GraphStorage::memory};
}

GraphTensor out_tensor(const Heads& heads) {
  return {.dims = heads.features(),
          .strides = {heads.out_batch_stride, heads.head_dim, heads.out_row_stride, 1},
          .type = heads.type,
          .storage = GraphStorage::memory};
}

GraphTensor f32_tensor(const std::array<int64_t, 4>& dims) {
  return {.dims = dims,
          .strides = packed_strides(dims),
          .type = GraphType::f32,
          .storage = GraphStorage::memory};
}

GraphTensor random_word() { return {.type = GraphType::i64, .storage = GraphStorage::memory}; }

/// scores where the key does not follow the query, else `otherwise`.
TensorId causal(TensorGraph& graph, TensorId scores, TensorId otherwise) {
  const TensorId rows = graph.elementwise(GraphOpKind::row_index, {scores}, GraphType::i32);
  const TensorId columns = graph.elementwise(GraphOpKind::column_index, {scores}, GraphType::i32);
  const TensorId sees =
      graph.elementwise(GraphOpKind::greater_or_equal, {rows, columns}, GraphType::boolean);
  return graph.elementwise(GraphOpKind::select, {scores, otherwise, sees});
}

/// `memory` under the dims of `input` with the last two exchanged, as the type of `memory`.
TensorId transpose(TensorGraph& graph, TensorId input, GraphType type) {
  GraphTensor output = transposed(graph.at(input));
  output.type = type;
  output.storage = GraphStorage::none;
  return graph.op(GraphOpKind::reshape, {input}, graph.tensor(output));
}

/// first [b, heads, m, k] times second [b, heads, k, n], summed into `output`'s key and value
/// heads.
void matmul_into(TensorGraph& graph, const Heads& heads, TensorId first, TensorId second,
                 TensorId output) {
  if (!heads.shares_keys()) {
    graph.op(GraphOpKind::matmul, {first, second}, output);
    return;
  }
  const TensorId every_head = graph.between(heads.features(), heads.type);
  graph.op(GraphOpKind::matmul, {first, second}, every_head);
  graph.op(GraphOpKind::reduce_add, {every_head}, output);
}

int64_t bytes_of(const GraphTensor& tensor) {
  return tensor.num_elements() * static_cast<int64_t>(sizeof(float));
}

}  // namespace

QkvOffsets qkv_offsets(const AttentionSpec& sizes) {
  const int64_t queries = sizes.heads / sizes.groups * sizes.head_dim;
  return {.q = 0, .k = queries, .v = queries + sizes.head_dim};
}

AttentionForwardGraph attention_forward_graph(const AttentionGraphSpec& spec) {
  const Heads heads = heads_of(spec);
  AttentionForwardGraph result;
  TensorGraph& graph = result.graph;
  result.q = graph.tensor(qkv_part(heads, heads.heads));
  result.k_transposed = graph.tensor(transposed(qkv_part(heads, heads.kv_heads)));
  result.v = graph.tensor(qkv_part(heads, heads.kv_heads));
  result.out = graph.tensor(out_tensor(heads));
  result.lse = graph.tensor(f32_tensor(heads.rows()));
  result.values.scale = graph.value();
  result.values.negative_infinity = graph.value();

  const TensorId products =
      graph.op(GraphOpKind::matmul, {result.q, result.k_transposed}, graph.between(heads.scores()));
  const TensorId scores =
      causal(graph, graph.elementwise(GraphOpKind::multiply, {products, result.values.scale}),
             result.values.negative_infinity);
  const TensorId largest = graph.reduce(GraphOpKind::reduce_max, scores, heads.rows());
  const TensorId powers = graph.elementwise(
      GraphOpKind::exp, {graph.elementwise(GraphOpKind::subtract, {scores, largest})});
  const TensorId sum = graph.reduce(GraphOpKind::reduce_add, powers, heads.rows());
  graph.op(GraphOpKind::add, {largest, graph.elementwise(GraphOpKind::log, {sum})}, result.lse);
  const bool drops = spec.dropout > 0.0;
  TensorId probabilities =
      graph.elementwise(GraphOpKind::divide, {powers, sum}, drops ? GraphType::f32 : heads.type);
  if (drops) {
    result.seed = graph.tensor(random_word());
    result.offset = graph.tensor(random_word());
    result.values.inverse_keep = graph.value();
    const TensorId mask = graph.op(GraphOpKind::keep_mask, {result.seed, result.offset},
                                   graph.between(heads.scores()), 1.0 - spec.dropout);
    const TensorId kept = graph.elementwise(GraphOpKind::multiply, {probabilities, mask});
    probabilities =
        graph.elementwise(GraphOpKind::multiply, {kept, result.values.inverse_keep}, heads.type);
  }
  graph.op(GraphOpKind::matmul, {probabilities, result.v}, result.out);
  return result;
}

AttentionBackwardGraph attention_backward_graph(const AttentionGraphSpec& spec) {
  const Heads heads = heads_of(spec);
  const bool drops = spec.dropout > 0.0;
  AttentionBackwardGraph result;
  TensorGraph& graph = result.graph;
  AttentionValues& values = result.values;
  result.q = graph.tensor(qkv_part(heads, heads.heads));
  result.k_transposed = graph.tensor(transposed(qkv_part(heads, heads.kv_heads)));
  result.v_transposed = graph.tensor(transposed(qkv_part(heads, heads.kv_heads)));
  result.out = graph.tensor(out_tensor(heads));
  result.dout = graph.tensor(out_tensor(heads));
  result.lse = graph.tensor(f32_tensor(heads.rows()));
  result.dq = graph.tensor(qkv_part(heads, heads.heads));
  result.dk = graph.tensor(qkv_part(heads, heads.kv_heads));
  result.dv = graph.tensor(qkv_part(heads, heads.kv_heads));
  result.delta = graph.tensor(f32_tensor(heads.rows()));
  values.scale = graph.value();
  values.negative_infinity = graph.value();
  values.keep = graph.value();

  // delta = (1 - rate) * row sums of out * dout.
  const TensorId products_of_out =
      graph.elementwise(GraphOpKind::multiply, {result.dout, result.out});
  const TensorId sums = graph.reduce(GraphOpKind::reduce_add, products_of_out, heads.rows());
  graph.op(GraphOpKind::multiply, {sums, values.keep}, result.delta);

  // The probabilities again, from the saved log of sums.
  const TensorId products =
      graph.op(GraphOpKind::matmul, {result.q, result.k_transposed}, graph.between(heads.scores()));
  const TensorId scores = graph.elementwise(GraphOpKind::multiply, {products, values.scale});
  const TensorId logs =
      causal(graph, graph.elementwise(GraphOpKind::subtract, {scores, result.lse}),
             values.negative_infinity);
  const TensorId probabilities = graph.elementwise(GraphOpKind::exp, {logs});
  TensorId kept = probabilities;
  TensorId mask = -1;
  if (drops) {
    result.seed = graph.tensor(random_word());
    result.offset = graph.tensor(random_word());
    values.inverse_keep = graph.value();
    mask = graph.op(GraphOpKind::keep_mask, {result.seed, result.offset},
                    graph.between(heads.scores()), 1.0 - spec.dropout);
    kept = graph.elementwise(
        GraphOpKind::multiply,
        {graph.elementwise(GraphOpKind::multiply, {probabilities, mask}), values.inverse_keep});
  }
  matmul_into(graph, heads, transpose(graph, kept, heads.type), result.dout, result.dv);

  // ds = scale * p * (mask * dp - delta) / (1 - rate) with dp = dout v^T.
  TensorId dp = graph.op(GraphOpKind::matmul, {result.dout, result.v_transposed},
                         graph.between(heads.scores()));
  if (drops) dp = graph.elementwise(GraphOpKind::multiply, {dp, mask});
  TensorId ds = graph.elementwise(
      GraphOpKind::multiply,
      {graph.elementwise(GraphOpKind::subtract, {dp, result.delta}), probabilities});
  if (drops) ds = graph.elementwise(GraphOpKind::multiply, {ds, values.inverse_keep});
  ds = graph.elementwise(GraphOpKind::multiply, {ds, values.scale}, heads.type);
  matmul_into(graph, heads, transpose(graph, ds, heads.type), result.q, result.dk);
  const TensorId k = transpose(graph, result.k_transposed, heads.type);
  if (spec.deterministic) {
    graph.op(GraphOpKind::matmul, {ds, k}, result.dq);
    return result;
  }
  result.dq_sum = graph.tensor(f32_tensor(heads.features()));
  graph.op(GraphOpKind::matmul, {ds, k}, result.dq_sum);
  graph.op(GraphOpKind::copy, {result.dq_sum}, result.dq);
  return result;
}

int64_t AttentionBackwardGraph::own_workspace_bytes() const {
  return bytes_of(graph.at(delta)) + (dq_sum < 0 ? 0 : bytes_of(graph.at(dq_sum)));
}

int64_t attention_backward_bytes(const AttentionGraphSpec& spec, int compute_major) {
  const AttentionSpec& sizes = spec.sizes;
  const auto padded = [&](int64_t multiple) {
    return (sizes.sequence + multiple - 1) / multiple * multiple;
  };
  const int64_t heads = sizes.microbatch * sizes.heads;
  const int64_t rows = heads * sizes.sequence;
  const int64_t features = 4 * rows * sizes.head_dim;
  int64_t bytes = 4 * rows + 256;
  // dq in f32, twice on compute capability 8; or every score gradient in 16 bits.
  bytes += spec.deterministic   ? 2 * heads * padded(64) * padded(128)
           : compute_major == 8 ? 2 * features
                                : features;
  // dk and dv of every head before they are summed over a group, in 16 bits.
  if (sizes.heads != sizes.groups) bytes += features;
  // The mask in bits.
  if (compute_major >= 10 && spec.dropout > 0.0) bytes += rows * padded(128) / 8;
  return bytes;
}

}  // namespace weft::kernels
