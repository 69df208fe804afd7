#pragma once

#include <cstdint>
#include <vector>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/tensor_graph.hpp"

// Causal attention and its gradient as graphs that cuDNN recognises and runs as one kernel each
// (reference/cuda.md 2.2), on the packed qkv rows that the model has: nothing is copied or
// transposed. With grouped queries the heads of a row are not evenly spaced, but the groups are:
// sample b and group g become one batch index b * G + g, whose heads are the group's N / G queries
// and one key and value.

namespace weft::kernels {

struct AttentionGraphSpec {
  AttentionSpec sizes;         ///< dtype bf16 or f16
  double dropout = 0.0;        ///< rate of dropped probabilities; the masks are cuDNN's own
  bool deterministic = false;  ///< backward: the same bits every time, for memory of S^2
};

/// Where the queries, keys and values of a qkv row start, in elements.
struct QkvOffsets {
  int64_t q = 0;
  int64_t k = 0;
  int64_t v = 0;
};
QkvOffsets qkv_offsets(const AttentionSpec& sizes);

/// Numbers that every run passes by value; absent ones are -1.
struct AttentionValues {
  TensorId scale = -1;              ///< 1 / sqrt(D)
  TensorId negative_infinity = -1;  ///< the score of a key that follows its query
  TensorId keep = -1;               ///< backward: 1 - rate
  TensorId inverse_keep = -1;       ///< with dropout: 1 / (1 - rate)
};

struct AttentionForwardGraph {
  TensorGraph graph;
  AttentionValues values;
  TensorId q = -1;
  TensorId k_transposed = -1;
  TensorId v = -1;
  TensorId seed = -1;    ///< with dropout: one i64 in device memory
  TensorId offset = -1;  ///< with dropout: one i64 in device memory
  TensorId out = -1;     ///< out_SBO
  TensorId lse = -1;     ///< lse_BNS, f32
};

struct AttentionBackwardGraph {
  TensorGraph graph;
  AttentionValues values;
  TensorId q = -1;
  TensorId k_transposed = -1;
  TensorId v_transposed = -1;
  TensorId out = -1;
  TensorId dout = -1;
  TensorId lse = -1;
  TensorId seed = -1;
  TensorId offset = -1;
  TensorId dq = -1;
  TensorId dk = -1;
  TensorId dv = -1;
  TensorId delta = -1;   ///< workspace of ours: row sums of out * dout, f32
  TensorId dq_sum = -1;  ///< workspace of ours unless deterministic: dq in f32

  /// Bytes of the workspace tensors.
  int64_t own_workspace_bytes() const;
};

/// Throws Error{internal} for sizes that cuDNN's attention has not: head dims that are no multiple
/// of 8 or above 256, f32, a rate outside [0, 1).
AttentionForwardGraph attention_forward_graph(const AttentionGraphSpec& spec);
AttentionBackwardGraph attention_backward_graph(const AttentionGraphSpec& spec);

/// Bytes that backward takes beside its operands, ours and cuDNN's, on a GPU of compute capability
/// `compute_major`.x: at most 256 more than the plans of cuDNN 9.19 state, for planning memory
/// before there is a plan.
int64_t attention_backward_bytes(const AttentionGraphSpec& spec, int compute_major);

}  // namespace weft::kernels
