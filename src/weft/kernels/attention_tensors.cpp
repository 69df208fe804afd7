#include "weft/kernels/attention_tensors.hpp"

#include <cmath>

namespace weft::kernels {

namespace {

/// Queries, keys and values of packed rows.
struct QkvPointers {
  const std::byte* q;
  const std::byte* k;
  const std::byte* v;
};

QkvPointers qkv_pointers(const AttentionSpec& sizes, const std::byte* rows) {
  const QkvOffsets at = qkv_offsets(sizes);
  const auto element_bytes = static_cast<int64_t>(size_of(sizes.dtype));
  return {rows + at.q * element_bytes, rows + at.k * element_bytes, rows + at.v * element_bytes};
}

}  // namespace

AttentionNumbers::AttentionNumbers(const AttentionGraphSpec& spec)
    : scale(static_cast<float>(1.0 / std::sqrt(static_cast<double>(spec.sizes.head_dim)))),
      keep(static_cast<float>(1.0 - spec.dropout)),
      inverse_keep(static_cast<float>(1.0 / (1.0 - spec.dropout))) {}

void TensorPointers::add(TensorId id, const void* data) {
  if (id >= 0) pointers_.at(size_++) = {id, data};
}

void TensorPointers::add(const AttentionValues& values, const AttentionNumbers& numbers) {
  add(values.scale, &numbers.scale);
  add(values.negative_infinity, &numbers.negative_infinity);
  add(values.keep, &numbers.keep);
  add(values.inverse_keep, &numbers.inverse_keep);
}

TensorPointers tensors_of(const AttentionForwardGraph& graph, const AttentionSpec& sizes,
                          const AttentionNumbers& numbers, const AttentionForwardMemory& memory) {
  const QkvPointers qkv = qkv_pointers(sizes, memory.qkv_SBQ);
  TensorPointers tensors;
  tensors.add(graph.values, numbers);
  tensors.add(graph.q, qkv.q);
  tensors.add(graph.k_transposed, qkv.k);
  tensors.add(graph.v, qkv.v);
  tensors.add(graph.out, memory.out_SBO);
  tensors.add(graph.lse, memory.lse_BNS);
  tensors.add(graph.seed, memory.random);
  tensors.add(graph.offset, memory.random + 1);
  return tensors;
}

TensorPointers tensors_of(const AttentionBackwardGraph& graph, const AttentionSpec& sizes,
                          const AttentionNumbers& numbers, const AttentionBackwardMemory& memory) {
  const QkvPointers qkv = qkv_pointers(sizes, memory.qkv_SBQ);
  const QkvPointers dqkv = qkv_pointers(sizes, memory.dqkv_SBQ);
  TensorPointers tensors;
  tensors.add(graph.values, numbers);
  tensors.add(graph.q, qkv.q);
  tensors.add(graph.k_transposed, qkv.k);
  tensors.add(graph.v_transposed, qkv.v);
  tensors.add(graph.out, memory.out_SBO);
  tensors.add(graph.dout, memory.dout_SBO);
  tensors.add(graph.lse, memory.lse_BNS);
  tensors.add(graph.seed, memory.random);
  tensors.add(graph.offset, memory.random + 1);
  tensors.add(graph.dq, dqkv.q);
  tensors.add(graph.dk, dqkv.k);
  tensors.add(graph.dv, dqkv.v);
  tensors.add(graph.delta, memory.delta);
  tensors.add(graph.dq_sum, memory.dq_sum);
  return tensors;
}

}  // namespace weft::kernels
