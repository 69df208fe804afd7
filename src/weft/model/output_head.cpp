#include "weft/model/output_head.hpp"

#include <algorithm>

#include "weft/kernels/cross_entropy.hpp"
#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

using kernels::Context;

OutputHead::OutputHead(const Stream& stream, const ModelConfig& config,
                       const MicrobatchShape& shape, ParameterSet& parameters)
    : tokens_(shape.tokens()),
      norm_(config, parameters, "decoder.final_layernorm"),
      logits_(stream, shape.tokens(),
              parameters.at(config.tied_embeddings ? kWordEmbeddings : kOutputLayer), nullptr,
              BiasPlace::skipped) {}

OutputHead::Activations OutputHead::plan_activations(Arena& arena, const ModelConfig& config,
                                                     const MicrobatchShape& shape) {
  const int64_t tokens = shape.tokens();
  Activations saved;
  saved.norm = Norm::plan(arena, config, tokens, config.hidden_size);
  saved.logits_TV = arena.take({tokens, config.vocab_size});
  saved.max_T = arena.take({tokens});
  saved.sum_exp_T = arena.take({tokens});
  saved.loss_T = arena.take({tokens});
  saved.norm_gradient_TH = arena.take({tokens, config.hidden_size});
  return saved;
}

void OutputHead::forward_logits(const Context& context, ConstTensorView x_TH,
                                const Activations& saved) const {
  norm_.forward(context, x_TH, saved.norm);
  logits_.forward(context, saved.norm.y_TH, saved.logits_TV);
}

void OutputHead::forward(const Context& context, ConstTensorView x_TH, ConstTensorView labels_T,
                         const Activations& saved) const {
  forward_logits(context, x_TH, saved);
  kernels::cross_entropy_max(context, saved.logits_TV, saved.max_T);
  // loss_T holds the predicted logit until the loss replaces it.
  kernels::cross_entropy_sums(context, saved.logits_TV, labels_T, 0, saved.max_T, saved.loss_T,
                              saved.sum_exp_T);
  kernels::cross_entropy_loss(context, saved.loss_T, saved.sum_exp_T, saved.loss_T);
}

void OutputHead::backward_input(const Context& context, ConstTensorView x_TH,
                                ConstTensorView labels_T, ConstTensorView dloss_T,
                                const Activations& saved, TensorView dx_TH) const {
  kernels::cross_entropy_backward(context, saved.logits_TV, labels_T, 0, saved.max_T,
                                  saved.sum_exp_T, dloss_T);
  logits_.backward_input(context, saved.logits_TV, saved.norm_gradient_TH);
  norm_.backward_input(context, saved.norm_gradient_TH, x_TH, saved.norm, /*accumulate=*/false,
                       dx_TH);
}

void OutputHead::backward_weight(const Context& context, ConstTensorView x_TH,
                                 const Activations& saved) const {
  logits_.backward_weight(context, saved.logits_TV, saved.norm.y_TH);
  norm_.backward_weight(context, saved.norm_gradient_TH, x_TH, saved.norm);
}

size_t OutputHead::workspace_bytes() const {
  return std::max(logits_.workspace_bytes(), norm_.workspace_bytes(tokens_));
}

}  // namespace weft::model
