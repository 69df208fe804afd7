#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "weft/kernels/attention.hpp"
#include "weft/model/linear.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/norm.hpp"
#include "weft/model/qk_norm.hpp"
#include "weft/model/rotary_embedding.hpp"
#include "weft/tensor/arena.hpp"

// Shape suffixes: T tokens of a microbatch in [S, B] order, H hidden, F feed-forward width, G = F
// or, with a gated activation, 2 F, A = heads * head size, Q features of queries, keys and values
// (kernels::HeadLayout), B samples, N heads, S sequence.

namespace weft::model {

/// A pre-norm transformer layer of a GPT or Llama (reference/megatron.md 4.1):
///   middle = x + dropout(proj(attention(norm1(x))) + b)
///   output = middle + dropout(fc2(act(fc1(norm2(middle)))) + b)
/// where attention starts with the norms over heads and the rotation that a model may have.
/// Backward comes in two parts that can run apart: backward_input (B) and backward_weight (W).
class TransformerLayer {
 public:
  /// What forward saves for both backward parts.
  struct Activations {
    Norm::Activations norm1;
    TensorView qkv_TQ;            ///< as attention reads it
    QkNorm::Activations qk_norm;  ///< empty without QK norms
    TensorView attention_TA;
    TensorView lse_BNS;
    TensorView middle_TH;
    Norm::Activations norm2;
    TensorView fc1_TG;
    TensorView act_TF;
    TensorView output_TH;
  };

  /// What backward_input saves for backward_weight: the output gradients of the parts with weights.
  struct Gradients {
    TensorView fc2_TH;
    TensorView fc1_TG;
    TensorView norm2_TH;
    TensorView proj_TH;
    TensorView qkv_TQ;
    QkNorm::HeadRows qk_norm;  ///< empty without QK norms
    TensorView norm1_TH;
  };

  /// Scratch that layers share: it carries nothing from one call to the next.
  struct Transient {
    TensorView branch_TH;
    TensorView d_attention_TA;
    TensorView d_act_TF;       ///< gradient of a gated activation's output; empty without a gate
    QkNorm::HeadRows qk_norm;  ///< empty without QK norms
  };

  /// What the layers of a chunk share; both outlive them. `attention` may be null for a layer that
  /// only generates.
  struct Shared {
    const kernels::AttentionPlan* attention = nullptr;
    const RotaryEmbedding* rotary = nullptr;
  };

  /// `layer` is 0-based.
  TransformerLayer(const Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
                   int64_t layer, ParameterSet& parameters, const Shared& shared);

  static Activations plan_activations(Arena& arena, const ModelConfig& config,
                                      const MicrobatchShape& shape);
  /// As plan_activations without output_TH, and with the output of attention in `attention`: memory
  /// of its own or shared with layers for which recompute_attention makes it again.
  static Activations plan_without_output(Arena& arena, const ModelConfig& config,
                                         const MicrobatchShape& shape,
                                         const Activations& attention);
  /// The two tensors that plan_without_output takes from its argument.
  static Activations plan_attention(Arena& arena, const ModelConfig& config,
                                    const MicrobatchShape& shape);
  static Gradients plan_gradients(Arena& arena, const ModelConfig& config,
                                  const MicrobatchShape& shape);
  static Transient plan_transient(Arena& arena, const ModelConfig& config,
                                  const MicrobatchShape& shape);

  /// Writes activations.output_TH from x_TH.
  void forward(const kernels::Context& context, ConstTensorView x_TH, const DropoutRates& rates,
               const SampleTraits& samples, const Activations& activations,
               const Transient& transient) const;

  /// Makes activations.attention_TA and lse_BNS again from qkv_TQ, with the bits of forward.
  void recompute_attention(const kernels::Context& context, const DropoutRates& rates,
                           const SampleTraits& samples, const Activations& activations) const;

  /// As forward without dropout for the `T` tokens of one sample that follow `past` cached tokens.
  void forward_cached(const kernels::Context& context, ConstTensorView x_TH, int64_t past,
                      const kernels::KeyValueCache& cache, const Activations& activations,
                      const Transient& transient) const;

  /// Turns dx_TH from the gradient of the layer's output into the gradient of its input.
  void backward_input(const kernels::Context& context, ConstTensorView x_TH,
                      const DropoutRates& rates, const SampleTraits& samples,
                      const Activations& activations, const Gradients& gradients,
                      const Transient& transient, TensorView dx_TH) const;

  /// Adds the weight gradients.
  void backward_weight(const kernels::Context& context, ConstTensorView x_TH,
                       const Activations& activations, const Gradients& gradients) const;

  /// Workspace of a layer of these sizes, known without making it; without attention for one that
  /// only generates.
  static size_t workspace_bytes(const Stream& stream, const ModelConfig& config,
                                const MicrobatchShape& shape, bool with_attention);
  static kernels::AttentionSpec attention_spec(const ModelConfig& config,
                                               const MicrobatchShape& shape);

 private:
  /// norm1, the qkv product, QK norms and rotation: the part before attention that training and
  /// generation share. The first token stands at position `past`.
  void forward_qkv(const kernels::Context& context, ConstTensorView x_TH, int64_t past,
                   const Activations& activations, const Transient& transient) const;
  TensorView by_position(TensorView qkv_TQ) const;
  /// Everything after attention.
  void forward_rest(const kernels::Context& context, ConstTensorView x_TH,
                    const DropoutRates& rates, const SampleTraits& samples,
                    const Activations& activations, const Transient& transient) const;

  ModelConfig config_;
  MicrobatchShape shape_;
  int64_t number_;  ///< 1-based, as dropout masks are keyed
  Shared shared_;
  Norm norm1_;
  Linear qkv_;
  std::optional<QkNorm> qk_norm_;
  Linear proj_;
  Norm norm2_;
  Linear fc1_;
  Linear fc2_;
};

}  // namespace weft::model
