#pragma once

#include <memory>

#include "weft/model/linear.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/norm.hpp"

// Shape suffixes: T tokens of a microbatch in [S, B] order, H hidden, V vocabulary, R tokens of a
// chunk.

namespace weft::model {

/// Final norm, logits and cross entropy: the end of the last stage
/// (reference/megatron.md 4.1, 4.5). Logits exist for chunks of at most 1024 tokens only, on a GPU
/// 4096. While a chunk's logits are there, forward also takes their gradient through the output
/// weight: the products of the head's backward pass run in the forward task, and what
/// backward_input and backward_weight are left with is the norm.
class OutputHead {
 public:
  /// Kept from forward to the end of backward.
  struct Activations {
    Norm::Activations norm;       ///< without y_TH, which is needed in forward only
    TensorView loss_T;            ///< f32
    TensorView norm_gradient_TH;  ///< gradient of the norm's output
  };

  /// Scratch of one chunk; carries nothing from one call to the next.
  struct Transient {
    TensorView norm_RH;
    TensorView logits_RV;  ///< overwritten by their gradient
  };

  OutputHead(const Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
             ParameterSet& parameters);

  static Activations plan_activations(Arena& arena, const ModelConfig& config,
                                      const MicrobatchShape& shape);
  static Transient plan_transient(const Stream& stream, Arena& arena, const ModelConfig& config,
                                  const MicrobatchShape& shape);
  /// Workspace of a head of these sizes, known without making it.
  static size_t workspace_bytes(const Stream& stream, const ModelConfig& config,
                                const MicrobatchShape& shape);

  /// The logits of x_TH, whose tokens make one chunk, into transient.logits_RV.
  void forward_logits(const kernels::Context& context, ConstTensorView x_TH,
                      const Activations& saved, const Transient& transient) const;
  /// The loss of each token into saved.loss_T; labels_T is i64 in token order.
  void evaluate(const kernels::Context& context, ConstTensorView x_TH, ConstTensorView labels_T,
                const Activations& saved, const Transient& transient) const;
  /// As evaluate, and for the token weights dloss_T the gradients of the norm's output and of the
  /// output weight.
  void forward(const kernels::Context& context, ConstTensorView x_TH, ConstTensorView labels_T,
               ConstTensorView dloss_T, const Activations& saved, const Transient& transient) const;
  /// dx_TH = gradient of x_TH.
  void backward_input(const kernels::Context& context, ConstTensorView x_TH,
                      const Activations& saved, TensorView dx_TH) const;
  void backward_weight(const kernels::Context& context, ConstTensorView x_TH,
                       const Activations& saved) const;

 private:
  const Linear& logits_of(int64_t count) const { return count == chunk_ ? logits_ : *rest_logits_; }
  /// Norm, logits, loss and, with token weights, their gradient, of tokens [first, first + count).
  void run_chunk(const kernels::Context& context, int64_t first, int64_t count,
                 ConstTensorView x_TH, ConstTensorView labels_T, ConstTensorView dloss_T,
                 const Activations& saved, const Transient& transient) const;

  int64_t tokens_;
  int64_t chunk_;  ///< R
  Norm norm_;
  Linear logits_;
  std::unique_ptr<Linear> rest_logits_;  ///< of the last, smaller chunk
};

}  // namespace weft::model
