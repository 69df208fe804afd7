#include "weft/model/transformer_layer.hpp"

#include <algorithm>
#include <cassert>

#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

using kernels::Context;
using kernels::DropoutSite;

namespace {

/// The product of layer `layer` called `name`; its bias, if the model has one, is added at `place`.
Linear make_linear(const Stream& stream, int64_t tokens, ParameterSet& parameters, int64_t layer,
                   const std::string& name, BiasPlace place, GeluPlace gelu = GeluPlace::none) {
  return {stream,
          tokens,
          parameters.at(layer_parameter(layer, name + ".weight")),
          parameters.find(layer_parameter(layer, name + ".bias")),
          place,
          gelu};
}

/// `place` where the layer's activation is GELU in its tanh form.
GeluPlace gelu_place(const ModelConfig& config, GeluPlace place) {
  return config.activation == kernels::Activation::gelu_tanh ? place : GeluPlace::none;
}

}  // namespace

TransformerLayer::TransformerLayer(const Stream& stream, const ModelConfig& config,
                                   const MicrobatchShape& shape, int64_t layer,
                                   ParameterSet& parameters, const Shared& shared)
    : config_(config),
      shape_(shape),
      number_(layer + 1),
      shared_(shared),
      norm1_(config, parameters, layer_parameter(layer, "input_layernorm")),
      qkv_(make_linear(stream, shape.tokens(), parameters, layer, "self_attention.linear_qkv",
                       BiasPlace::in_linear)),
      proj_(make_linear(stream, shape.tokens(), parameters, layer, "self_attention.linear_proj",
                        BiasPlace::skipped)),
      norm2_(config, parameters, layer_parameter(layer, "pre_mlp_layernorm")),
      fc1_(make_linear(stream, shape.tokens(), parameters, layer, "mlp.linear_fc1",
                       BiasPlace::in_linear, gelu_place(config, GeluPlace::after))),
      fc2_(make_linear(stream, shape.tokens(), parameters, layer, "mlp.linear_fc2",
                       BiasPlace::skipped, gelu_place(config, GeluPlace::before))) {
  if (config.qk_layernorm) qk_norm_.emplace(config, layer, parameters);
}

TransformerLayer::Activations TransformerLayer::plan_activations(Arena& arena,
                                                                 const ModelConfig& config,
                                                                 const MicrobatchShape& shape) {
  const Activations attention = plan_attention(arena, config, shape);
  Activations saved = plan_without_output(arena, config, shape, attention);
  saved.output_TH = arena.take({shape.tokens(), config.hidden_size}, config.residual_dtype());
  return saved;
}

TransformerLayer::Activations TransformerLayer::plan_attention(Arena& arena,
                                                               const ModelConfig& config,
                                                               const MicrobatchShape& shape) {
  Activations saved;
  saved.attention_TA = arena.take({shape.tokens(), config.attention_width()}, config.dtype);
  saved.lse_BNS = arena.take({shape.samples, config.num_attention_heads, shape.sequence});
  return saved;
}

TransformerLayer::Activations TransformerLayer::plan_without_output(Arena& arena,
                                                                    const ModelConfig& config,
                                                                    const MicrobatchShape& shape,
                                                                    const Activations& attention) {
  const int64_t tokens = shape.tokens();
  Activations saved;
  saved.norm1 = Norm::plan(arena, config, tokens, config.hidden_size);
  saved.qkv_TQ = arena.take({tokens, config.head_layout().qkv_width()}, config.dtype);
  if (config.qk_layernorm) saved.qk_norm = QkNorm::plan_activations(arena, config, shape);
  saved.attention_TA = attention.attention_TA;
  saved.lse_BNS = attention.lse_BNS;
  saved.middle_TH = arena.take({tokens, config.hidden_size}, config.residual_dtype());
  saved.norm2 = Norm::plan(arena, config, tokens, config.hidden_size);
  saved.fc1_TG = arena.take({tokens, config.fc1_width()}, config.dtype);
  saved.act_TF = arena.take({tokens, config.ffn_hidden_size}, config.dtype);
  return saved;
}

TransformerLayer::Gradients TransformerLayer::plan_gradients(Arena& arena,
                                                             const ModelConfig& config,
                                                             const MicrobatchShape& shape) {
  const int64_t tokens = shape.tokens();
  Gradients gradients;
  gradients.fc2_TH = arena.take({tokens, config.hidden_size}, config.dtype);
  gradients.fc1_TG = arena.take({tokens, config.fc1_width()}, config.dtype);
  gradients.norm2_TH = arena.take({tokens, config.hidden_size}, config.dtype);
  gradients.proj_TH = arena.take({tokens, config.hidden_size}, config.dtype);
  gradients.qkv_TQ = arena.take({tokens, config.head_layout().qkv_width()}, config.dtype);
  if (config.qk_layernorm) gradients.qk_norm = QkNorm::plan_rows(arena, config, shape);
  gradients.norm1_TH = arena.take({tokens, config.hidden_size}, config.dtype);
  return gradients;
}

TransformerLayer::Transient TransformerLayer::plan_transient(Arena& arena,
                                                             const ModelConfig& config,
                                                             const MicrobatchShape& shape) {
  const int64_t tokens = shape.tokens();
  Transient transient;
  transient.branch_TH = arena.take({tokens, config.hidden_size}, config.dtype);
  transient.d_attention_TA = arena.take({tokens, config.attention_width()}, config.dtype);
  if (kernels::is_gated(config.activation)) {
    transient.d_act_TF = arena.take({tokens, config.ffn_hidden_size}, config.dtype);
  }
  if (config.qk_layernorm) transient.qk_norm = QkNorm::plan_rows(arena, config, shape);
  return transient;
}

void TransformerLayer::forward(const Context& context, ConstTensorView x_TH,
                               const DropoutRates& rates, const SampleTraits& samples,
                               const Activations& activations, const Transient& transient) const {
  forward_qkv(context, x_TH, 0, activations, transient);
  recompute_attention(context, rates, samples, activations);
  forward_rest(context, x_TH, rates, samples, activations, transient);
}

void TransformerLayer::recompute_attention(const Context& context, const DropoutRates& rates,
                                           const SampleTraits& samples,
                                           const Activations& activations) const {
  assert(shared_.attention != nullptr);
  shared_.attention->forward(context, rates.at(number_, DropoutSite::attention, samples.ids_B),
                             activations.qkv_TQ, activations.attention_TA, activations.lse_BNS,
                             samples.starts_BS);
}

void TransformerLayer::forward_cached(const Context& context, ConstTensorView x_TH, int64_t past,
                                      const kernels::KeyValueCache& cache,
                                      const Activations& activations,
                                      const Transient& transient) const {
  forward_qkv(context, x_TH, past, activations, transient);
  kernels::attention_with_cache(context, config_.num_attention_heads, config_.query_groups(),
                                config_.kv_channels, activations.qkv_TQ, past, cache,
                                activations.attention_TA);
  forward_rest(context, x_TH, DropoutRates{}, {}, activations, transient);
}

void TransformerLayer::forward_qkv(const Context& context, ConstTensorView x_TH, int64_t past,
                                   const Activations& activations,
                                   const Transient& transient) const {
  norm1_.forward(context, x_TH, activations.norm1);
  qkv_.forward(context, activations.norm1.y_TH, activations.qkv_TQ);
  if (qk_norm_) {
    qk_norm_->forward(context, activations.qkv_TQ, activations.qk_norm, transient.qk_norm);
  }
  shared_.rotary->forward(context, past, by_position(activations.qkv_TQ));
}

TensorView TransformerLayer::by_position(TensorView qkv_TQ) const {
  return qkv_TQ.reshape({shape_.sequence, shape_.samples, qkv_TQ.shape().last()});
}

void TransformerLayer::forward_rest(const Context& context, ConstTensorView x_TH,
                                    const DropoutRates& rates, const SampleTraits& samples,
                                    const Activations& activations,
                                    const Transient& transient) const {
  const Shape hidden_SBH{shape_.sequence, shape_.samples, config_.hidden_size};
  const auto branch_sum = [&](DropoutSite site, ConstTensorView bias_H, ConstTensorView residual_TH,
                              TensorView sum_TH) {
    return kernels::BranchSum{.dropout = rates.at(number_, site, samples.ids_B),
                              .x_SBH = transient.branch_TH.reshape(hidden_SBH),
                              .bias_H = bias_H,
                              .residual_SBH = residual_TH.reshape(hidden_SBH),
                              .sum_SBH = sum_TH.reshape(hidden_SBH)};
  };
  proj_.forward(context, activations.attention_TA, transient.branch_TH);
  norm2_.forward_of_sum(
      context,
      branch_sum(DropoutSite::attention_output, proj_.bias_value(), x_TH, activations.middle_TH),
      activations.norm2);
  if (config_.activation == kernels::Activation::gelu_tanh) {
    fc1_.forward_gelu(context, activations.norm2.y_TH, activations.fc1_TG, activations.act_TF);
  } else {
    fc1_.forward(context, activations.norm2.y_TH, activations.fc1_TG);
    kernels::activation_forward(context, config_.activation, activations.fc1_TG,
                                activations.act_TF);
  }
  fc2_.forward(context, activations.act_TF, transient.branch_TH);
  const kernels::BranchSum output = branch_sum(DropoutSite::mlp_output, fc2_.bias_value(),
                                               activations.middle_TH, activations.output_TH);
  kernels::bias_dropout_add_forward(context, output.dropout, output.x_SBH, output.bias_H,
                                    output.residual_SBH, output.sum_SBH);
}

void TransformerLayer::backward_input(const Context& context, ConstTensorView x_TH,
                                      const DropoutRates& rates, const SampleTraits& samples,
                                      const Activations& activations, const Gradients& gradients,
                                      const Transient& transient, TensorView dx_TH) const {
  const Shape hidden_SBH{shape_.sequence, shape_.samples, config_.hidden_size};
  const auto branch_gradient = [&](DropoutSite site, TensorView branch_TH) {
    kernels::dropout_backward(context, rates.at(number_, site, samples.ids_B),
                              dx_TH.reshape(hidden_SBH), branch_TH.reshape(hidden_SBH));
  };
  branch_gradient(DropoutSite::mlp_output, gradients.fc2_TH);
  if (config_.activation == kernels::Activation::gelu_tanh) {
    fc2_.backward_input_gelu(context, gradients.fc2_TH, activations.fc1_TG, gradients.fc1_TG);
  } else {
    const bool gated = kernels::is_gated(config_.activation);
    const TensorView d_act_TF = gated ? transient.d_act_TF : gradients.fc1_TG;
    fc2_.backward_input(context, gradients.fc2_TH, d_act_TF);
    kernels::activation_backward(context, config_.activation, d_act_TF, activations.fc1_TG,
                                 gradients.fc1_TG);
  }
  fc1_.backward_input(context, gradients.fc1_TG, gradients.norm2_TH);
  norm2_.backward_input(context, gradients.norm2_TH, activations.middle_TH, activations.norm2,
                        /*accumulate=*/true, dx_TH);

  branch_gradient(DropoutSite::attention_output, gradients.proj_TH);
  proj_.backward_input(context, gradients.proj_TH, transient.d_attention_TA);
  shared_.attention->backward(context, rates.at(number_, DropoutSite::attention, samples.ids_B),
                              transient.d_attention_TA, activations.qkv_TQ,
                              activations.attention_TA, activations.lse_BNS, gradients.qkv_TQ,
                              samples.starts_BS);
  shared_.rotary->backward(context, by_position(gradients.qkv_TQ));
  if (qk_norm_) {
    qk_norm_->backward_input(context, gradients.qkv_TQ, activations.qk_norm, gradients.qk_norm,
                             transient.qk_norm);
  }
  qkv_.backward_input(context, gradients.qkv_TQ, gradients.norm1_TH);
  norm1_.backward_input(context, gradients.norm1_TH, x_TH, activations.norm1, /*accumulate=*/true,
                        dx_TH);
}

void TransformerLayer::backward_weight(const Context& context, ConstTensorView x_TH,
                                       const Activations& activations,
                                       const Gradients& gradients) const {
  fc2_.backward_weight(context, gradients.fc2_TH, activations.act_TF);
  fc1_.backward_weight(context, gradients.fc1_TG, activations.norm2.y_TH);
  norm2_.backward_weight(context, gradients.norm2_TH, activations.middle_TH, activations.norm2);
  proj_.backward_weight(context, gradients.proj_TH, activations.attention_TA);
  if (qk_norm_) qk_norm_->backward_weight(context, activations.qk_norm, gradients.qk_norm);
  qkv_.backward_weight(context, gradients.qkv_TQ, activations.norm1.y_TH);
  norm1_.backward_weight(context, gradients.norm1_TH, x_TH, activations.norm1);
}

// Equal bits cost a GPU's backward 2 bytes for every pair of positions of a head: little up to
// here.
constexpr int64_t kRepeatableSequence = 2048;

kernels::AttentionSpec TransformerLayer::attention_spec(const ModelConfig& config,
                                                        const MicrobatchShape& shape) {
  return {.sequence = shape.sequence,
          .microbatch = shape.samples,
          .heads = config.num_attention_heads,
          .groups = config.query_groups(),
          .head_dim = config.kv_channels,
          .dtype = config.dtype,
          .dropout = config.attention_dropout,
          .deterministic = shape.sequence <= kRepeatableSequence};
}

size_t TransformerLayer::workspace_bytes(const Stream& stream, const ModelConfig& config,
                                         const MicrobatchShape& shape, bool with_attention) {
  const auto linear = [&](int64_t in, int64_t out, bool bias, BiasPlace place,
                          GeluPlace gelu = GeluPlace::none) {
    return Linear::workspace_bytes(stream, {.tokens = shape.tokens(),
                                            .in = in,
                                            .out = out,
                                            .bias = bias,
                                            .dtype = config.dtype,
                                            .place = place,
                                            .gelu = gelu_place(config, gelu)});
  };
  const int64_t hidden = config.hidden_size;
  size_t attention = 0;
  if (with_attention) {
    attention = kernels::AttentionPlan(stream, attention_spec(config, shape)).workspace_bytes();
  }
  return std::max(
      {attention, config.qk_layernorm ? QkNorm::workspace_bytes(config, shape) : 0,
       linear(hidden, config.head_layout().qkv_width(), config.qkv_bias, BiasPlace::in_linear),
       linear(config.attention_width(), hidden, config.linear_bias, BiasPlace::skipped),
       linear(hidden, config.fc1_width(), config.linear_bias, BiasPlace::in_linear,
              GeluPlace::after),
       linear(config.ffn_hidden_size, hidden, config.linear_bias, BiasPlace::skipped,
              GeluPlace::before),
       Norm::workspace_bytes(config, shape.tokens(), hidden)});
}

}  // namespace weft::model
