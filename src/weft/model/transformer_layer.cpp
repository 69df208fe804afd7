#include "weft/model/transformer_layer.hpp"

#include <algorithm>
#include <cassert>

#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

using kernels::Context;
using kernels::DropoutSite;

namespace {

Parameter& parameter(ParameterSet& parameters, int64_t layer, const char* suffix) {
  return parameters.at(layer_parameter(layer, suffix));
}

int64_t attention_width(const ModelConfig& config) {
  return config.num_attention_heads * config.kv_channels;
}

}  // namespace

TransformerLayer::TransformerLayer(const Stream& stream, const ModelConfig& config,
                                   const MicrobatchShape& shape, int64_t layer,
                                   ParameterSet& parameters,
                                   const kernels::AttentionPlan* attention)
    : config_(config),
      shape_(shape),
      number_(layer + 1),
      attention_(attention),
      norm1_(parameter(parameters, layer, "input_layernorm.weight"),
             parameter(parameters, layer, "input_layernorm.bias"), config.norm_epsilon),
      qkv_(stream, shape.tokens(), parameter(parameters, layer, "self_attention.linear_qkv.weight"),
           &parameter(parameters, layer, "self_attention.linear_qkv.bias"), BiasPlace::in_linear),
      proj_(stream, shape.tokens(),
            parameter(parameters, layer, "self_attention.linear_proj.weight"),
            &parameter(parameters, layer, "self_attention.linear_proj.bias"), BiasPlace::skipped),
      norm2_(parameter(parameters, layer, "pre_mlp_layernorm.weight"),
             parameter(parameters, layer, "pre_mlp_layernorm.bias"), config.norm_epsilon),
      fc1_(stream, shape.tokens(), parameter(parameters, layer, "mlp.linear_fc1.weight"),
           &parameter(parameters, layer, "mlp.linear_fc1.bias"), BiasPlace::in_linear),
      fc2_(stream, shape.tokens(), parameter(parameters, layer, "mlp.linear_fc2.weight"),
           &parameter(parameters, layer, "mlp.linear_fc2.bias"), BiasPlace::skipped) {}

TransformerLayer::Activations TransformerLayer::plan_activations(Arena& arena,
                                                                 const ModelConfig& config,
                                                                 const MicrobatchShape& shape) {
  const int64_t tokens = shape.tokens();
  const int64_t width = attention_width(config);
  Activations saved;
  saved.norm1 = LayerNorm::plan(arena, tokens, config.hidden_size);
  saved.qkv_TQ = arena.take({tokens, 3 * width});
  saved.attention_TA = arena.take({tokens, width});
  saved.lse_BNS = arena.take({shape.samples, config.num_attention_heads, shape.sequence});
  saved.middle_TH = arena.take({tokens, config.hidden_size});
  saved.norm2 = LayerNorm::plan(arena, tokens, config.hidden_size);
  saved.fc1_TF = arena.take({tokens, config.ffn_hidden_size});
  saved.act_TF = arena.take({tokens, config.ffn_hidden_size});
  saved.output_TH = arena.take({tokens, config.hidden_size});
  return saved;
}

TransformerLayer::Gradients TransformerLayer::plan_gradients(Arena& arena,
                                                             const ModelConfig& config,
                                                             const MicrobatchShape& shape) {
  const int64_t tokens = shape.tokens();
  return {.fc2_TH = arena.take({tokens, config.hidden_size}),
          .fc1_TF = arena.take({tokens, config.ffn_hidden_size}),
          .norm2_TH = arena.take({tokens, config.hidden_size}),
          .proj_TH = arena.take({tokens, config.hidden_size}),
          .qkv_TQ = arena.take({tokens, 3 * attention_width(config)}),
          .norm1_TH = arena.take({tokens, config.hidden_size})};
}

TransformerLayer::Transient TransformerLayer::plan_transient(Arena& arena,
                                                             const ModelConfig& config,
                                                             const MicrobatchShape& shape) {
  return {.branch_TH = arena.take({shape.tokens(), config.hidden_size}),
          .d_attention_TA = arena.take({shape.tokens(), attention_width(config)})};
}

void TransformerLayer::forward(const Context& context, ConstTensorView x_TH,
                               const DropoutRates& rates, std::span<const int64_t> sample_ids_B,
                               const Activations& activations, const Transient& transient) const {
  assert(attention_ != nullptr);
  forward_qkv(context, x_TH, activations);
  attention_->forward(context, rates.at(number_, DropoutSite::attention, sample_ids_B),
                      activations.qkv_TQ, activations.attention_TA, activations.lse_BNS);
  forward_rest(context, x_TH, rates, sample_ids_B, activations, transient);
}

void TransformerLayer::forward_cached(const Context& context, ConstTensorView x_TH, int64_t past,
                                      const kernels::KeyValueCache& cache,
                                      const Activations& activations,
                                      const Transient& transient) const {
  forward_qkv(context, x_TH, activations);
  kernels::attention_with_cache(context, config_.num_attention_heads, config_.num_attention_heads,
                                config_.kv_channels, activations.qkv_TQ, past, cache,
                                activations.attention_TA);
  forward_rest(context, x_TH, DropoutRates{}, {}, activations, transient);
}

void TransformerLayer::forward_qkv(const Context& context, ConstTensorView x_TH,
                                   const Activations& activations) const {
  norm1_.forward(context, x_TH, activations.norm1);
  qkv_.forward(context, activations.norm1.y_TH, activations.qkv_TQ);
}

void TransformerLayer::forward_rest(const Context& context, ConstTensorView x_TH,
                                    const DropoutRates& rates,
                                    std::span<const int64_t> sample_ids_B,
                                    const Activations& activations,
                                    const Transient& transient) const {
  const Shape hidden_SBH{shape_.sequence, shape_.samples, config_.hidden_size};
  const auto add_branch = [&](DropoutSite site, ConstTensorView bias_H, ConstTensorView residual_TH,
                              TensorView y_TH) {
    kernels::bias_dropout_add_forward(context, rates.at(number_, site, sample_ids_B),
                                      transient.branch_TH.reshape(hidden_SBH), bias_H,
                                      residual_TH.reshape(hidden_SBH), y_TH.reshape(hidden_SBH));
  };
  proj_.forward(context, activations.attention_TA, transient.branch_TH);
  add_branch(DropoutSite::attention_output, proj_.bias_value(), x_TH, activations.middle_TH);
  norm2_.forward(context, activations.middle_TH, activations.norm2);
  fc1_.forward(context, activations.norm2.y_TH, activations.fc1_TF);
  kernels::activation_forward(context, config_.activation, activations.fc1_TF, activations.act_TF);
  fc2_.forward(context, activations.act_TF, transient.branch_TH);
  add_branch(DropoutSite::mlp_output, fc2_.bias_value(), activations.middle_TH,
             activations.output_TH);
}

void TransformerLayer::backward_input(const Context& context, ConstTensorView x_TH,
                                      const DropoutRates& rates,
                                      std::span<const int64_t> sample_ids_B,
                                      const Activations& activations, const Gradients& gradients,
                                      const Transient& transient, TensorView dx_TH) const {
  const Shape hidden_SBH{shape_.sequence, shape_.samples, config_.hidden_size};
  const auto branch_gradient = [&](DropoutSite site, TensorView branch_TH) {
    kernels::dropout_backward(context, rates.at(number_, site, sample_ids_B),
                              dx_TH.reshape(hidden_SBH), branch_TH.reshape(hidden_SBH));
  };
  branch_gradient(DropoutSite::mlp_output, gradients.fc2_TH);
  fc2_.backward_input(context, gradients.fc2_TH, gradients.fc1_TF);
  kernels::activation_backward(context, config_.activation, gradients.fc1_TF, activations.fc1_TF,
                               gradients.fc1_TF);
  fc1_.backward_input(context, gradients.fc1_TF, gradients.norm2_TH);
  norm2_.backward_input(context, gradients.norm2_TH, activations.middle_TH, activations.norm2,
                        /*accumulate=*/true, dx_TH);

  branch_gradient(DropoutSite::attention_output, gradients.proj_TH);
  proj_.backward_input(context, gradients.proj_TH, transient.d_attention_TA);
  attention_->backward(context, rates.at(number_, DropoutSite::attention, sample_ids_B),
                       transient.d_attention_TA, activations.qkv_TQ, activations.attention_TA,
                       activations.lse_BNS, gradients.qkv_TQ);
  qkv_.backward_input(context, gradients.qkv_TQ, gradients.norm1_TH);
  norm1_.backward_input(context, gradients.norm1_TH, x_TH, activations.norm1, /*accumulate=*/true,
                        dx_TH);
}

void TransformerLayer::backward_weight(const Context& context, ConstTensorView x_TH,
                                       const Activations& activations,
                                       const Gradients& gradients) const {
  fc2_.backward_weight(context, gradients.fc2_TH, activations.act_TF);
  fc1_.backward_weight(context, gradients.fc1_TF, activations.norm2.y_TH);
  norm2_.backward_weight(context, gradients.norm2_TH, activations.middle_TH, activations.norm2);
  proj_.backward_weight(context, gradients.proj_TH, activations.attention_TA);
  qkv_.backward_weight(context, gradients.qkv_TQ, activations.norm1.y_TH);
  norm1_.backward_weight(context, gradients.norm1_TH, x_TH, activations.norm1);
}

size_t TransformerLayer::workspace_bytes() const {
  return std::max({attention_ == nullptr ? 0 : attention_->workspace_bytes(),
                   qkv_.workspace_bytes(), proj_.workspace_bytes(), fc1_.workspace_bytes(),
                   fc2_.workspace_bytes(), norm1_.workspace_bytes(shape_.tokens())});
}

}  // namespace weft::model
