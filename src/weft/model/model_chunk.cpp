#include "weft/model/model_chunk.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

namespace {

kernels::AttentionSpec attention_spec(const ModelConfig& config, const MicrobatchShape& shape) {
  return {.sequence = shape.sequence,
          .microbatch = shape.samples,
          .heads = config.num_attention_heads,
          .groups = config.query_groups(),
          .head_dim = config.kv_channels};
}

std::vector<TransformerLayer> make_layers(Stream& stream, const ModelConfig& config,
                                          const MicrobatchShape& shape, ParameterSet& parameters,
                                          const TransformerLayer::Shared& shared) {
  std::vector<TransformerLayer> layers;
  layers.reserve(static_cast<size_t>(config.num_layers));
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    layers.emplace_back(stream, config, shape, layer, parameters, shared);
  }
  return layers;
}

}  // namespace

ModelChunk::ModelChunk(Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
                       BackwardMode mode, ParameterSet& parameters, const DropoutRates& rates)
    : config_(config),
      shape_(shape),
      mode_(mode),
      parameters_(&parameters),
      rates_(rates),
      attention_(stream, attention_spec(config, shape)),
      rotary_(config, shape.sequence),
      embedding_(parameters.at(kWordEmbeddings), parameters.find(kPositionEmbeddings),
                 config.tied_embeddings),
      layers_(make_layers(stream, config, shape, parameters,
                          {.attention = &attention_, .rotary = &rotary_})),
      head_(stream, config, shape, parameters),
      context_{stream, {}} {
  Arena plan;
  TransformerLayer::plan_transient(plan, config, shape);
  scratch_ = Buffer(plan.used_bytes());
  Arena arena(scratch_.data(), scratch_.size_bytes());
  transient_ = TransformerLayer::plan_transient(arena, config, shape);

  size_t workspace = head_.workspace_bytes();
  for (const TransformerLayer& layer : layers_) {
    workspace = std::max(workspace, layer.workspace_bytes());
  }
  workspace_ = Buffer(workspace);
  context_.workspace = {workspace_.data(), workspace_.size_bytes()};
}

ActivationSlot ModelChunk::plan_slot(Arena& arena, const ModelConfig& config,
                                     const MicrobatchShape& shape, BackwardMode mode) {
  const int64_t tokens = shape.tokens();
  ActivationSlot slot;
  slot.tokens_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
  slot.positions_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
  slot.labels_T = arena.take({tokens}, DType::i64);
  slot.dloss_T = arena.take({tokens});
  slot.embedded_TH = arena.take({tokens, config.hidden_size});
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    slot.layers.push_back(TransformerLayer::plan_activations(arena, config, shape));
  }
  const int64_t num_gradients = mode == BackwardMode::split ? config.num_layers : 1;
  for (int64_t i = 0; i < num_gradients; ++i) {
    slot.gradients.push_back(TransformerLayer::plan_gradients(arena, config, shape));
  }
  slot.head = OutputHead::plan_activations(arena, config, shape);
  slot.dx_TH = arena.take({tokens, config.hidden_size});
  slot.sample_ids_B.resize(static_cast<size_t>(shape.samples));
  return slot;
}

size_t ModelChunk::slot_bytes(const ModelConfig& config, const MicrobatchShape& shape,
                              BackwardMode mode) {
  Arena plan;
  plan_slot(plan, config, shape, mode);
  return plan.used_bytes();
}

LossSum ModelChunk::forward(ActivationSlot& slot, const Microbatch& microbatch) {
  return run_forward(slot, microbatch, rates_);
}

LossSum ModelChunk::evaluate(ActivationSlot& slot, const Microbatch& microbatch) {
  return run_forward(slot, microbatch, DropoutRates{});
}

LossSum ModelChunk::run_forward(ActivationSlot& slot, const Microbatch& microbatch,
                                const DropoutRates& rates) {
  load(slot, microbatch);
  embedding_.forward(context_, slot.tokens_BS, slot.positions_BS, rates, slot.sample_ids_B,
                     slot.embedded_TH.reshape(hidden_shape()));
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    layers_[layer].forward(context_, layer_input(slot, layer), rates, slot.sample_ids_B,
                           slot.layers[layer], transient_);
  }
  head_.forward(context_, layer_input(slot, layers_.size()), slot.labels_T, slot.head);
  return sum_loss(slot);
}

void ModelChunk::load(ActivationSlot& slot, const Microbatch& microbatch) const {
  assert(microbatch.tokens_BS.shape() == slot.tokens_BS.shape());
  std::memcpy(slot.tokens_BS.raw(), microbatch.tokens_BS.raw(), slot.tokens_BS.size_bytes());
  std::memcpy(slot.positions_BS.raw(), microbatch.positions_BS.raw(),
              slot.positions_BS.size_bytes());
  std::ranges::copy(microbatch.sample_ids_B, slot.sample_ids_B.begin());

  const auto labels_BS = microbatch.labels_BS.span<int64_t>();
  const auto mask_BS = microbatch.loss_mask_BS.span<float>();
  const auto labels_T = slot.labels_T.span<int64_t>();
  const auto mask_T = slot.dloss_T.span<float>();
  slot.loss_tokens = 0.0;
  for (int64_t b = 0; b < shape_.samples; ++b) {
    for (int64_t s = 0; s < shape_.sequence; ++s) {
      const auto from = static_cast<size_t>(b * shape_.sequence + s);
      const auto to = static_cast<size_t>(s * shape_.samples + b);
      labels_T[to] = labels_BS[from];
      mask_T[to] = mask_BS[from];
      slot.loss_tokens += static_cast<double>(mask_BS[from]);
    }
  }
}

LossSum ModelChunk::sum_loss(const ActivationSlot& slot) const {
  const auto loss_T = slot.head.loss_T.span<float>();
  const auto mask_T = slot.dloss_T.span<float>();
  LossSum sum{.loss = 0.0, .tokens = slot.loss_tokens};
  for (size_t t = 0; t < loss_T.size(); ++t) {
    if (mask_T[t] != 0.0F)
      sum.loss += static_cast<double>(loss_T[t]) * static_cast<double>(mask_T[t]);
  }
  return sum;
}

void ModelChunk::backward_input(ActivationSlot& slot, double loss_scale) {
  assert(mode_ == BackwardMode::split);
  start_backward(slot, loss_scale);
  for (size_t layer = layers_.size(); layer-- > 0;) layer_backward_input(slot, layer);
  embedding_backward_input(slot);
}

void ModelChunk::backward_weight(ActivationSlot& slot) {
  assert(mode_ == BackwardMode::split);
  head_.backward_weight(context_, layer_input(slot, layers_.size()), slot.head);
  for (size_t layer = layers_.size(); layer-- > 0;) layer_backward_weight(slot, layer);
  embedding_backward_weight(slot);
}

void ModelChunk::backward(ActivationSlot& slot, double loss_scale) {
  start_backward(slot, loss_scale);
  head_.backward_weight(context_, layer_input(slot, layers_.size()), slot.head);
  for (size_t layer = layers_.size(); layer-- > 0;) {
    layer_backward_input(slot, layer);
    layer_backward_weight(slot, layer);
  }
  embedding_backward_input(slot);
  embedding_backward_weight(slot);
}

void ModelChunk::start_backward(ActivationSlot& slot, double loss_scale) {
  // A microbatch in which no token counts has loss 0 and gradient 0.
  const double weight = slot.loss_tokens > 0.0 ? loss_scale / slot.loss_tokens : 0.0;
  for (float& mask : slot.dloss_T.span<float>()) {
    mask = static_cast<float>(static_cast<double>(mask) * weight);
  }
  head_.backward_input(context_, layer_input(slot, layers_.size()), slot.labels_T, slot.dloss_T,
                       slot.head, slot.dx_TH);
}

void ModelChunk::layer_backward_input(ActivationSlot& slot, size_t layer) {
  layers_[layer].backward_input(context_, layer_input(slot, layer), rates_, slot.sample_ids_B,
                                slot.layers[layer], gradients(slot, layer), transient_, slot.dx_TH);
}

void ModelChunk::layer_backward_weight(ActivationSlot& slot, size_t layer) {
  layers_[layer].backward_weight(context_, layer_input(slot, layer), slot.layers[layer],
                                 gradients(slot, layer));
}

void ModelChunk::embedding_backward_input(ActivationSlot& slot) {
  embedding_.backward_input(context_, rates_, slot.sample_ids_B,
                            slot.dx_TH.reshape(hidden_shape()));
}

void ModelChunk::embedding_backward_weight(ActivationSlot& slot) {
  embedding_.backward_weight(context_, slot.tokens_BS, slot.positions_BS,
                             slot.dx_TH.reshape(hidden_shape()));
}

ConstTensorView ModelChunk::layer_input(const ActivationSlot& slot, size_t layer) const {
  return layer == 0 ? slot.embedded_TH : slot.layers[layer - 1].output_TH;
}

const TransformerLayer::Gradients& ModelChunk::gradients(const ActivationSlot& slot,
                                                         size_t layer) const {
  return mode_ == BackwardMode::split ? slot.gradients[layer] : slot.gradients.front();
}

void ModelChunk::zero_gradients() {
  parameters_->zero_gradients();
  embedding_.zero_gradients(context_);
}

void ModelChunk::finalize_gradients() { embedding_.finalize(context_); }

}  // namespace weft::model
