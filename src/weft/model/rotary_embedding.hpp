#pragma once

#include "weft/kernels/rotary.hpp"
#include "weft/model/model_config.hpp"
#include "weft/tensor/tensor.hpp"

// Shape suffixes: P positions, F frequencies, S new positions, B samples, Q features of qkv.

namespace weft::model {

/// Rotary position embedding of a model's queries and keys, with the angles of its positions. A
/// token's position is its place in the sequence, whatever its position id. Without parameters, so
/// that backward is one part.
class RotaryEmbedding {
 public:
  /// Angles of `positions` positions, computed in fp64 on the host. Does nothing unless the model
  /// has rope.
  RotaryEmbedding(const Stream& stream, const ModelConfig& config, int64_t positions,
                  MemoryResource& memory = host_memory());

  /// Turns queries and keys of qkv_SBQ in place; its first row stands at position `past`.
  void forward(const kernels::Context& context, int64_t past, TensorView qkv_SBQ) const;
  /// Turns dqkv_SBQ from the gradient of forward's output at position 0 into that of its input.
  void backward(const kernels::Context& context, TensorView dqkv_SBQ) const;

  /// Bytes that the angles of `positions` positions take.
  static size_t size_bytes(const ModelConfig& config, int64_t positions);

 private:
  ConstTensorView rows(const Tensor& table_PF, int64_t first, int64_t count) const;

  kernels::HeadLayout layout_;
  kernels::RotaryPairs pairs_;
  int64_t frequencies_;  ///< 0 without rope
  Tensor cos_PF_;
  Tensor sin_PF_;
};

}  // namespace weft::model
