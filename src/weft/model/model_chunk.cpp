#include "weft/model/model_chunk.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/embedding.hpp"
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
      rotary_(stream, config, shape.sequence, memory),
      embedding_(parameters.at(kWordEmbeddings), parameters.find(kPositionEmbeddings),
                 config.tied_embeddings, memory),
      layers_(make_layers(stream, config, shape, parameters,
                          {.attention = &attention_, .rotary = &rotary_})),
      head_(stream, config, shape, parameters),
      loss_sum_({1}, DType::f64, memory),
      context_{stream, {}} {
  check(mode == BackwardMode::fused || config.recompute.granularity == RecomputeGranularity::none,
        ErrorKind::internal, "recomputation needs a fused backward");
  size_t bytes = 0;
  plan_scratch(stream, nullptr, bytes, config, shape);
  scratch_ = Buffer(bytes, memory);
  Scratch scratch = plan_scratch(stream, scratch_.data(), bytes, config, shape);
  transient_ = scratch.layer;
  head_transient_ = scratch.head;
  recomputed_ = std::move(scratch.recomputed);
  workspace_ = Buffer(workspace_bytes(stream, config, shape), memory);
  context_.workspace = {workspace_.data(), workspace_.size_bytes()};
  if (!on_gpu()) return;
  host_labels_T_ = Tensor({shape.tokens()}, DType::i64);
  host_mask_T_ = Tensor({shape.tokens()}, DType::f32);
  host_dloss_T_ = Tensor({shape.tokens()}, DType::f32);
}

ModelChunk::Scratch ModelChunk::plan_scratch(const Stream& stream, std::byte* memory, size_t& bytes,
                                             const ModelConfig& config,
                                             const MicrobatchShape& shape) {
  Scratch scratch;
  Arena layer = memory == nullptr ? Arena() : Arena(memory, bytes);
  Arena head = layer;
  scratch.layer = TransformerLayer::plan_transient(layer, config, shape);
  scratch.head = OutputHead::plan_transient(stream, head, config, shape);
  // The head runs between the forward and the backward passes of the layers: recomputed activations
  // do not exist then either.
  scratch.recomputed = plan_recomputed(layer, config, shape);
  bytes = std::max(layer.used_bytes(), head.used_bytes());
  return scratch;
}

ModelChunk::Recomputed ModelChunk::plan_recomputed(Arena& arena, const ModelConfig& config,
                                                   const MicrobatchShape& shape) {
  Recomputed recomputed;
  if (config.recompute.attention()) {
    recomputed.push_back(TransformerLayer::plan_attention(arena, config, shape));
  }
  for (int64_t i = 0; i < config.recompute.largest_group(config.num_layers); ++i) {
    recomputed.push_back(TransformerLayer::plan_activations(arena, config, shape));
  }
  return recomputed;
}

size_t ModelChunk::workspace_bytes(const Stream& stream, const ModelConfig& config,
                                   const MicrobatchShape& shape) {
  return std::max({TransformerLayer::workspace_bytes(stream, config, shape, true),
                   OutputHead::workspace_bytes(stream, config, shape),
                   Embedding::workspace_bytes(stream, config, shape)});
}

size_t ModelChunk::scratch_bytes(const Stream& stream, const ModelConfig& config,
                                 const MicrobatchShape& shape) {
  size_t scratch = 0;
  plan_scratch(stream, nullptr, scratch, config, shape);
  return aligned_size(scratch) + aligned_size(workspace_bytes(stream, config, shape)) +
         RotaryEmbedding::size_bytes(config, shape.sequence) + aligned_size(sizeof(double));
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
  slot.sample_ids_B = arena.take({shape.samples}, DType::i64);
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
  Arena scratch;
  Arena plan;
  plan_slot(plan, config, shape, mode, plan_recomputed(scratch, config, shape));
  return plan.used_bytes();
}

LossSum ModelChunk::forward(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale) {
  enqueue_forward(slot, microbatch, loss_scale);
  return take_loss();
}

void ModelChunk::enqueue_forward(ActivationSlot& slot, const Microbatch& microbatch,
                                 double loss_scale) {
  load(slot, microbatch, loss_scale);
  run_layers(slot, rates_);
  head_.forward(context_, layer_input(slot, layers_.size()), slot.labels_T, slot.dloss_T, slot.head,
                head_transient_);
  add_loss(slot);
}

LossSum ModelChunk::evaluate(ActivationSlot& slot, const Microbatch& microbatch) {
  enqueue_evaluation(slot, microbatch);
  return take_loss();
}

void ModelChunk::enqueue_evaluation(ActivationSlot& slot, const Microbatch& microbatch) {
  load(slot, microbatch, 0.0);
  run_layers(slot, DropoutRates{});
  head_.evaluate(context_, layer_input(slot, layers_.size()), slot.labels_T, slot.head,
                 head_transient_);
  add_loss(slot);
}

void ModelChunk::add_loss(const ActivationSlot& slot) {
  kernels::masked_sum(context_, slot.head.loss_T, slot.mask_T, loss_sum_);
  loss_tokens_ += slot.loss_tokens;
}

LossSum ModelChunk::take_loss() {
  LossSum sum{.loss = 0.0, .tokens = std::exchange(loss_tokens_, 0.0)};
  context_.stream.download(loss_sum_.view().raw(), &sum.loss, sizeof(double));
  kernels::fill_zero(context_, loss_sum_);
  return sum;
}

void ModelChunk::run_layers(ActivationSlot& slot, const DropoutRates& rates) {
  embedding_.forward(context_, slot.tokens_BS, slot.positions_BS, rates, slot.samples().ids_B,
                     slot.embedded_TH.reshape(hidden_shape()));
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    layers_[layer].forward(context_, layer_input(slot, layer), rates, slot.samples(),
                           slot.layers[layer], transient_);
  }
}

void ModelChunk::load(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale) {
  const auto upload = [this](ConstTensorView from, TensorView to) {
    check(from.num_elements() == to.num_elements(), ErrorKind::internal,
          "a microbatch has {} elements where its slot has {}", from.num_elements(),
          to.num_elements());
    context_.stream.upload(from.raw(), to.raw(), to.size_bytes());
  };
  upload(microbatch.tokens_BS, slot.tokens_BS);
  upload(microbatch.positions_BS, slot.positions_BS);
  if (!slot.starts_BS.empty()) {
    check(microbatch.starts_BS.shape() == slot.starts_BS.shape(), ErrorKind::internal,
          "attention keeps documents apart, but the microbatch has no document starts");
    upload(microbatch.starts_BS, slot.starts_BS);
  }
  upload({microbatch.sample_ids_B.data(),
          DType::i64,
          {static_cast<int64_t>(microbatch.sample_ids_B.size())}},
         slot.sample_ids_B);
  if (on_gpu()) check_ids(microbatch);

  // The CPU's slot is written in place, a GPU's from memory of the host.
  const TensorView labels = on_gpu() ? host_labels_T_.view() : slot.labels_T;
  const TensorView mask = on_gpu() ? host_mask_T_.view() : slot.mask_T;
  const TensorView dloss = on_gpu() ? host_dloss_T_.view() : slot.dloss_T;
  const auto labels_BS = microbatch.labels_BS.span<int64_t>();
  const auto mask_BS = microbatch.loss_mask_BS.span<float>();
  const auto labels_T = labels.span<int64_t>();
  const auto mask_T = mask.span<float>();
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
  // A microbatch in which no token counts has loss 0 and gradient 0.
  const double weight = slot.loss_tokens > 0.0 ? loss_scale / slot.loss_tokens : 0.0;
  std::ranges::transform(mask_T, dloss.span<float>().begin(), [weight](float value) {
    return static_cast<float>(static_cast<double>(value) * weight);
  });
  if (!on_gpu()) return;
  upload(labels, slot.labels_T);
  upload(mask, slot.mask_T);
  upload(dloss, slot.dloss_T);
}

void ModelChunk::check_ids(const Microbatch& microbatch) const {
  const int64_t positions = config_.max_position_embeddings;
  kernels::check_ids("token", microbatch.tokens_BS, config_.vocab_size);
  kernels::check_ids("label", microbatch.labels_BS, config_.vocab_size);
  if (config_.position_embedding == PositionEmbedding::learned_absolute) {
    kernels::check_ids("position", microbatch.positions_BS, positions);
  }
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
  embedding_.backward_input(context_, rates_, slot.samples().ids_B,
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
