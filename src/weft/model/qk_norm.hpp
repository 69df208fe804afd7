#pragma once

#include "weft/kernels/head_rows.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/norm.hpp"

// Shape suffixes: T tokens, Q features of qkv, R rows of one head each, D head size.

namespace weft::model {

/// The norms over each query and each key head of a layer (--qk-layernorm, reference/megatron.md
/// 4.7). All heads of a layer share one set of weights for queries and one for keys.
class QkNorm {
 public:
  /// One tensor for the queries' heads, one for the keys'.
  struct HeadRows {
    TensorView queries_RD;
    TensorView keys_RD;
  };
  /// What forward saves: the heads as they were, and their statistics (whose y_TH stays empty).
  struct Activations {
    HeadRows input;
    Norm::Activations queries;
    Norm::Activations keys;
  };

  /// The norms of layer `layer` (0-based).
  QkNorm(const ModelConfig& config, int64_t layer, ParameterSet& parameters);

  static HeadRows plan_rows(Arena& arena, const ModelConfig& config, const MicrobatchShape& shape);
  static Activations plan_activations(Arena& arena, const ModelConfig& config,
                                      const MicrobatchShape& shape);

  /// Replaces the query and key heads of qkv_TQ by their norms; `scratch` carries nothing on.
  void forward(const kernels::Context& context, TensorView qkv_TQ, const Activations& saved,
               const HeadRows& scratch) const;
  /// Turns dqkv_TQ from the gradient of the norms' output into that of their input; keeps in
  /// `gradients` what backward_weight needs.
  void backward_input(const kernels::Context& context, TensorView dqkv_TQ, const Activations& saved,
                      const HeadRows& gradients, const HeadRows& scratch) const;
  void backward_weight(const kernels::Context& context, const Activations& saved,
                       const HeadRows& gradients) const;
  static size_t workspace_bytes(const ModelConfig& config, const MicrobatchShape& shape);

 private:
  kernels::HeadLayout layout_;
  Norm queries_;
  Norm keys_;
};

}  // namespace weft::model
