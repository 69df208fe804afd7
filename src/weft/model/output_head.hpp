#pragma once

#include "weft/model/linear.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/norm.hpp"

namespace weft::model {

/// Final norm, logits and cross entropy: the end of the last stage
/// (reference/megatron.md 4.1, 4.5).
class OutputHead {
 public:
  struct Activations {
    Norm::Activations norm;
    TensorView logits_TV;  ///< overwritten by their gradient in backward_input
    TensorView max_T;
    TensorView sum_exp_T;
    TensorView loss_T;
    TensorView norm_gradient_TH;  ///< written by backward_input for backward_weight
  };

  OutputHead(const Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
             ParameterSet& parameters);

  static Activations plan_activations(Arena& arena, const ModelConfig& config,
                                      const MicrobatchShape& shape);

  /// Logits of x_TH.
  void forward_logits(const kernels::Context& context, ConstTensorView x_TH,
                      const Activations& saved) const;
  /// Logits, then the loss of each token into saved.loss_T; labels_T is i64 in token order.
  void forward(const kernels::Context& context, ConstTensorView x_TH, ConstTensorView labels_T,
               const Activations& saved) const;
  /// dx_TH = gradient of x_TH for the token weights dloss_T.
  void backward_input(const kernels::Context& context, ConstTensorView x_TH,
                      ConstTensorView labels_T, ConstTensorView dloss_T, const Activations& saved,
                      TensorView dx_TH) const;
  void backward_weight(const kernels::Context& context, ConstTensorView x_TH,
                       const Activations& saved) const;
  size_t workspace_bytes() const;

 private:
  int64_t tokens_;
  Norm norm_;
  Linear logits_;
};

}  // namespace weft::model
