#include "weft/model/model_chunk.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

namespace {

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
                       BackwardMode mode, ParameterSet& parameters, const DropoutRates& rates,
                       MemoryResource& memory)
    : config_(config),
      shape_(shape),
      mode_(mode),
      parameters_(&parameters),
      rates_(rates),
      attention_(stream, TransformerLayer::attention_spec(config, shape)),
      rotary_(config, shape.sequence, memory),
      embedding_(parameters.at(kWordEmbeddings), parameters.find(kPositionEmbeddings),
                 config.tied_embeddings, memory),
      layers_(make_layers(stream, config, shape, parameters,
                          {.attention = &attention_, .rotary = &rotary_})),
      head_(stream, config, shape, parameters),
      context_{stream, {}} {
  check(mode == BackwardMode::fused || config.recompute.granularity == RecomputeGranularity::none,
        ErrorKind::internal, "recomputation needs a fused backward");
  size_t bytes = 0;
  plan_scratch(nullptr, bytes, config, shape);
  scratch_ = Buffer(bytes, memory);
  Scratch scratch = plan_scratch(scratch_.data(), bytes, config, shape);
  transient_ = scratch.layer;
  head_transient_ = scratch.head;
  recomputed_ = std::move(scratch.recomputed);
  workspace_ = Buffer(workspace_bytes(stream, config, shape), memory);
  context_.workspace = {workspace_.data(), workspace_.size_bytes()};
}

ModelChunk::Scratch ModelChunk::plan_scratch(std::byte* memory, size_t& bytes,
                                             const ModelConfig& config,
                                             const MicrobatchShape& shape) {
  Scratch scratch;
  Arena layer = memory == nullptr ? Arena() : Arena(memory, bytes);
  Arena head = layer;
  scratch.layer = TransformerLayer::plan_transient(layer, config, shape);
  scratch.head = OutputHead::plan_transient(head, config, shape);
  // The head runs between the forward and the backward passes of the layers: recomputed activations
  // do not exist then either.
  if (config.recompute.attention()) {
    scratch.recomputed.push_back(TransformerLayer::plan_attention(layer, config, shape));
  }
  for (int64_t i = 0; i < config.recompute.largest_group(config.num_layers); ++i) {
    scratch.recomputed.push_back(TransformerLayer::plan_activations(layer, config, shape));
  }
  bytes = std::max(layer.used_bytes(), head.used_bytes());
  return scratch;
}

size_t ModelChunk::workspace_bytes(const Stream& stream, const ModelConfig& config,
                                   const MicrobatchShape& shape) {
  return std::max(TransformerLayer::workspace_bytes(stream, config, shape, true),
                  OutputHead::workspace_bytes(stream, config, shape));
}

size_t ModelChunk::scratch_bytes(const Stream& stream, const ModelConfig& config,
                                 const MicrobatchShape& shape) {
  size_t scratch = 0;
  plan_scratch(nullptr, scratch, config, shape);
  return aligned_size(scratch) + aligned_size(workspace_bytes(stream, config, shape)) +
         RotaryEmbedding::size_bytes(config, shape.sequence);
}

size_t ModelChunk::lookup_gradient_bytes(const ModelConfig& config) {
  if (!config.tied_embeddings) return 0;
  return aligned_size(static_cast<size_t>(config.vocab_size * config.hidden_size) * sizeof(float));
}

ActivationSlot ModelChunk::plan_slot(Arena& arena, const ModelConfig& config,
                                     const MicrobatchShape& shape, BackwardMode mode,
                                     const Recomputed& recomputed) {
  const int64_t tokens = shape.tokens();
  ActivationSlot slot;
  slot.tokens_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
  slot.positions_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
  if (config.reset_attention_mask) {
    slot.starts_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
  }
  slot.labels_T = arena.take({tokens}, DType::i64);
  slot.mask_T = arena.take({tokens});
  slot.dloss_T = arena.take({tokens});
  slot.embedded_TH = arena.take({tokens, config.hidden_size}, config.residual_dtype());
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    slot.layers.push_back(plan_layer(arena, config, shape, layer, recomputed));
  }
  const int64_t num_gradients = mode == BackwardMode::split ? config.num_layers : 1;
  for (int64_t i = 0; i < num_gradients; ++i) {
    slot.gradients.push_back(TransformerLayer::plan_gradients(arena, config, shape));
  }
  slot.head = OutputHead::plan_activations(arena, config, shape);
  slot.dx_TH = arena.take({tokens, config.hidden_size}, config.residual_dtype());
  slot.sample_ids_B.resize(static_cast<size_t>(shape.samples));
  return slot;
}

TransformerLayer::Activations ModelChunk::plan_layer(Arena& arena, const ModelConfig& config,
                                                     const MicrobatchShape& shape, int64_t layer,
                                                     const Recomputed& recomputed) {
  if (config.recompute.attention()) {
    return TransformerLayer::plan_without_attention(arena, config, shape, recomputed.front());
  }
  const auto group = config.recompute.group_of(layer, config.num_layers);
  if (!group) return TransformerLayer::plan_activations(arena, config, shape);
  TransformerLayer::Activations saved = recomputed[static_cast<size_t>(layer - group->first)];
  // The output of a group is the input of what follows.
  if (layer == group->last) {
    saved.output_TH = arena.take({shape.tokens(), config.hidden_size}, config.residual_dtype());
  }
  return saved;
}

size_t ModelChunk::slot_bytes(const ModelConfig& config, const MicrobatchShape& shape,
                              BackwardMode mode) {
  size_t scratch = 0;
  Arena plan;
  plan_slot(plan, config, shape, mode, plan_scratch(nullptr, scratch, config, shape).recomputed);
  return plan.used_bytes();
}

LossSum ModelChunk::forward(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale) {
  run_layers(slot, microbatch, rates_);
  // A microbatch in which no token counts has loss 0 and gradient 0.
  const double weight = slot.loss_tokens > 0.0 ? loss_scale / slot.loss_tokens : 0.0;
  const auto mask_T = slot.mask_T.span<float>();
  std::ranges::transform(mask_T, slot.dloss_T.span<float>().begin(), [weight](float mask) {
    return static_cast<float>(static_cast<double>(mask) * weight);
  });
  head_.forward(context_, layer_input(slot, layers_.size()), slot.labels_T, slot.dloss_T, slot.head,
                head_transient_);
  return sum_loss(slot);
}

LossSum ModelChunk::evaluate(ActivationSlot& slot, const Microbatch& microbatch) {
  run_layers(slot, microbatch, DropoutRates{});
  head_.evaluate(context_, layer_input(slot, layers_.size()), slot.labels_T, slot.head,
                 head_transient_);
  return sum_loss(slot);
}

void ModelChunk::run_layers(ActivationSlot& slot, const Microbatch& microbatch,
                            const DropoutRates& rates) {
  load(slot, microbatch);
  embedding_.forward(context_, slot.tokens_BS, slot.positions_BS, rates, slot.sample_ids_B,
                     slot.embedded_TH.reshape(hidden_shape()));
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    layers_[layer].forward(context_, layer_input(slot, layer), rates, slot.samples(),
                           slot.layers[layer], transient_);
  }
}

void ModelChunk::load(ActivationSlot& slot, const Microbatch& microbatch) const {
  assert(microbatch.tokens_BS.shape() == slot.tokens_BS.shape());
  std::memcpy(slot.tokens_BS.raw(), microbatch.tokens_BS.raw(), slot.tokens_BS.size_bytes());
  std::memcpy(slot.positions_BS.raw(), microbatch.positions_BS.raw(),
              slot.positions_BS.size_bytes());
  if (!slot.starts_BS.empty()) {
    check(microbatch.starts_BS.shape() == slot.starts_BS.shape(), ErrorKind::internal,
          "attention keeps documents apart, but the microbatch has no document starts");
    std::memcpy(slot.starts_BS.raw(), microbatch.starts_BS.raw(), slot.starts_BS.size_bytes());
  }
  std::ranges::copy(microbatch.sample_ids_B, slot.sample_ids_B.begin());

  const auto labels_BS = microbatch.labels_BS.span<int64_t>();
  const auto mask_BS = microbatch.loss_mask_BS.span<float>();
  const auto labels_T = slot.labels_T.span<int64_t>();
  const auto mask_T = slot.mask_T.span<float>();
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
  const auto mask_T = slot.mask_T.span<float>();
  LossSum sum{.loss = 0.0, .tokens = slot.loss_tokens};
  for (size_t t = 0; t < loss_T.size(); ++t) {
    if (mask_T[t] != 0.0F)
      sum.loss += static_cast<double>(loss_T[t]) * static_cast<double>(mask_T[t]);
  }
  return sum;
}

void ModelChunk::backward_input(ActivationSlot& slot) {
  assert(mode_ == BackwardMode::split);
  head_.backward_input(context_, layer_input(slot, layers_.size()), slot.head, slot.dx_TH);
  for (size_t layer = layers_.size(); layer-- > 0;) layer_backward_input(slot, layer);
  embedding_backward_input(slot);
}

void ModelChunk::backward_weight(ActivationSlot& slot) {
  assert(mode_ == BackwardMode::split);
  head_.backward_weight(context_, layer_input(slot, layers_.size()), slot.head);
  for (size_t layer = layers_.size(); layer-- > 0;) layer_backward_weight(slot, layer);
  embedding_backward_weight(slot);
}

void ModelChunk::backward(ActivationSlot& slot) {
  head_.backward_input(context_, layer_input(slot, layers_.size()), slot.head, slot.dx_TH);
  head_.backward_weight(context_, layer_input(slot, layers_.size()), slot.head);
  for (size_t layer = layers_.size(); layer-- > 0;) {
    recompute(slot, static_cast<int64_t>(layer));
    layer_backward_input(slot, layer);
    layer_backward_weight(slot, layer);
  }
  embedding_backward_input(slot);
  embedding_backward_weight(slot);
}

void ModelChunk::recompute(ActivationSlot& slot, int64_t layer) {
  if (config_.recompute.attention()) {
    const auto index = static_cast<size_t>(layer);
    layers_[index].recompute_attention(context_, rates_, slot.samples(), slot.layers[index]);
    return;
  }
  const auto group = config_.recompute.group_of(layer, config_.num_layers);
  if (!group || layer != group->last) return;
  for (auto i = static_cast<size_t>(group->first); i <= static_cast<size_t>(group->last); ++i) {
    layers_[i].forward(context_, layer_input(slot, i), rates_, slot.samples(), slot.layers[i],
                       transient_);
  }
}

void ModelChunk::layer_backward_input(ActivationSlot& slot, size_t layer) {
  layers_[layer].backward_input(context_, layer_input(slot, layer), rates_, slot.samples(),
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

void ModelChunk::start_gradients() {
  parameters_->start_gradients();
  embedding_.zero_gradients(context_);
}

void ModelChunk::finalize_gradients() {
  parameters_->finish_gradients();
  embedding_.finalize(context_);
}

}  // namespace weft::model
