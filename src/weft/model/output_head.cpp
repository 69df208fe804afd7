#include "weft/model/output_head.hpp"

#include <algorithm>

#include "weft/kernels/cross_entropy.hpp"
#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

using kernels::Context;

namespace {

/// Tokens whose logits exist at once: on a CPU as many as its cache likes (reference/cpu.md 1.3); a
/// GPU's products are faster when they are larger, and add to the weight's gradient less often.
int64_t chunk_tokens(const Stream& stream, const MicrobatchShape& shape) {
  return std::min<int64_t>(shape.tokens(), stream.queue() != nullptr ? 4096 : 1024);
}

Parameter& output_weight(const ModelConfig& config, ParameterSet& parameters) {
  return parameters.at(config.tied_embeddings ? kWordEmbeddings : kOutputLayer);
}

}  // namespace

OutputHead::OutputHead(const Stream& stream, const ModelConfig& config,
                       const MicrobatchShape& shape, ParameterSet& parameters)
    : tokens_(shape.tokens()),
      chunk_(chunk_tokens(stream, shape)),
      norm_(config, parameters, "decoder.final_layernorm"),
      logits_(stream, chunk_, output_weight(config, parameters), nullptr, BiasPlace::skipped) {
  if (tokens_ % chunk_ != 0) {
    rest_logits_ = std::make_unique<Linear>(
        stream, tokens_ % chunk_, output_weight(config, parameters), nullptr, BiasPlace::skipped);
  }
}

OutputHead::Activations OutputHead::plan_activations(Arena& arena, const ModelConfig& config,
                                                     const MicrobatchShape& shape) {
  const int64_t tokens = shape.tokens();
  Activations saved;
  saved.norm = Norm::plan_statistics(arena, config, tokens, {});
  saved.loss_T = arena.take({tokens});
  saved.norm_gradient_TH = arena.take({tokens, config.hidden_size}, config.dtype);
  return saved;
}

OutputHead::Transient OutputHead::plan_transient(const Stream& stream, Arena& arena,
                                                 const ModelConfig& config,
                                                 const MicrobatchShape& shape) {
  const int64_t chunk = chunk_tokens(stream, shape);
  Transient transient;
  transient.norm_RH = arena.take({chunk, config.hidden_size}, config.dtype);
  transient.logits_RV = arena.take({chunk, config.vocab_size}, config.dtype);
  return transient;
}

size_t OutputHead::workspace_bytes(const Stream& stream, const ModelConfig& config,
                                   const MicrobatchShape& shape) {
  size_t bytes = Norm::workspace_bytes(config, shape.tokens(), config.hidden_size);
  const int64_t chunk = chunk_tokens(stream, shape);
  for (const int64_t tokens : {chunk, shape.tokens() % chunk}) {
    if (tokens == 0) continue;
    bytes = std::max(bytes, Linear::workspace_bytes(stream, {.tokens = tokens,
                                                             .in = config.hidden_size,
                                                             .out = config.vocab_size,
                                                             .bias = false,
                                                             .dtype = config.dtype}));
  }
  return bytes;
}

void OutputHead::forward_logits(const Context& context, ConstTensorView x_TH,
                                const Activations& saved, const Transient& transient) const {
  Norm::Activations norm = saved.norm;
  norm.y_TH = transient.norm_RH;
  norm_.forward(context, x_TH, norm);
  logits_.forward(context, transient.norm_RH, transient.logits_RV);
}

void OutputHead::evaluate(const Context& context, ConstTensorView x_TH, ConstTensorView labels_T,
                          const Activations& saved, const Transient& transient) const {
  forward(context, x_TH, labels_T, {}, saved, transient);
}

void OutputHead::forward(const Context& context, ConstTensorView x_TH, ConstTensorView labels_T,
                         ConstTensorView dloss_T, const Activations& saved,
                         const Transient& transient) const {
  for (int64_t first = 0; first < tokens_; first += chunk_) {
    run_chunk(context, first, std::min(chunk_, tokens_ - first), x_TH, labels_T, dloss_T, saved,
              transient);
  }
}

void OutputHead::run_chunk(const Context& context, int64_t first, int64_t count,
                           ConstTensorView x_TH, ConstTensorView labels_T, ConstTensorView dloss_T,
                           const Activations& saved, const Transient& transient) const {
  const auto chunk = [&](auto tensor) { return tensor.rows(first, count); };
  const TensorView logits_RV = transient.logits_RV.rows(0, count);
  const ConstTensorView dloss_R = dloss_T.empty() ? dloss_T : chunk(dloss_T);

  const Norm::Activations norm = saved.norm.rows(first, count, transient.norm_RH.rows(0, count));
  norm_.forward(context, chunk(x_TH), norm);
  logits_of(count).forward(context, norm.y_TH, logits_RV);
  kernels::cross_entropy(context, logits_RV, chunk(labels_T), dloss_R, chunk(saved.loss_T));
  if (dloss_R.empty()) return;
  logits_of(count).backward_input(context, logits_RV, chunk(saved.norm_gradient_TH));
  logits_of(count).backward_weight(context, logits_RV, norm.y_TH);
}

void OutputHead::backward_input(const Context& context, ConstTensorView x_TH,
                                const Activations& saved, TensorView dx_TH) const {
  norm_.backward_input(context, saved.norm_gradient_TH, x_TH, saved.norm, /*accumulate=*/false,
                       dx_TH);
}

void OutputHead::backward_weight(const Context& context, ConstTensorView x_TH,
                                 const Activations& saved) const {
  norm_.backward_weight(context, saved.norm_gradient_TH, x_TH, saved.norm);
}

}  // namespace weft::model
