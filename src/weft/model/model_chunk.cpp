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

using parallel::StageLayers;

std::vector<TransformerLayer> make_layers(Stream& stream, const ChunkScratch& scratch,
                                          const StageLayers& part, ParameterSet& parameters) {
  std::vector<TransformerLayer> layers;
  layers.reserve(static_cast<size_t>(part.num_layers));
  for (int64_t layer = part.first_layer; layer < part.end_layer(); ++layer) {
    layers.emplace_back(stream, scratch.config(), scratch.shape(), layer, parameters,
                        scratch.layer_shared());
  }
  return layers;
}

}  // namespace

ModelChunk::ModelChunk(Stream& stream, const ChunkScratch& scratch, const Setup& setup,
                       ParameterSet& parameters, MemoryResource& memory)
    : scratch_(&scratch),
      config_(scratch.config()),
      shape_(scratch.shape()),
      setup_(setup),
      layers_(make_layers(stream, scratch, setup.part, parameters)) {
  const StageLayers& part = setup.part;
  check(part.num_layers > 0 || part.has_embedding || part.has_head, ErrorKind::internal,
        "stage {} holds nothing", part.stage);
  check(setup.mode == BackwardMode::fused ||
            config_.recompute.granularity == RecomputeGranularity::none,
        ErrorKind::internal, "recomputation needs a fused backward");
  if (part.has_embedding) {
    embedding_.emplace(parameters.at(kWordEmbeddings), parameters.find(kPositionEmbeddings),
                       setup.separate_lookup, memory);
  }
  if (!part.has_head) return;
  head_.emplace(stream, config_, shape_, parameters);
  loss_sum_ = Tensor({1}, DType::f64, memory);
  if (!on_gpu()) return;
  host_labels_T_ = Tensor({shape_.tokens()}, DType::i64);
  host_mask_T_ = Tensor({shape_.tokens()}, DType::f32);
  host_dloss_T_ = Tensor({shape_.tokens()}, DType::f32);
}

ActivationSlot ModelChunk::plan_slot(Arena& arena, const ModelConfig& config,
                                     const StageLayers& part, const MicrobatchShape& shape,
                                     BackwardMode mode,
                                     const ChunkScratch::Recomputed& recomputed) {
  const int64_t tokens = shape.tokens();
  const auto take_hidden = [&] {
    return arena.take({tokens, config.hidden_size}, config.residual_dtype());
  };
  ActivationSlot slot;
  if (part.has_embedding) {
    slot.tokens_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
    slot.positions_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
  }
  if (config.reset_attention_mask) {
    slot.starts_BS = arena.take({shape.samples, shape.sequence}, DType::i64);
  }
  if (part.has_head) {
    slot.labels_T = arena.take({tokens}, DType::i64);
    slot.mask_T = arena.take({tokens});
    slot.dloss_T = arena.take({tokens});
  }
  // An embedding without layers writes its output at once.
  if (part.has_embedding && (part.num_layers > 0 || part.has_head)) slot.input_TH = take_hidden();
  for (int64_t layer = 0; layer < part.num_layers; ++layer) {
    slot.layers.push_back(plan_layer(arena, config, part, shape, layer, recomputed));
  }
  const int64_t num_gradients =
      mode == BackwardMode::split ? part.num_layers : std::min<int64_t>(part.num_layers, 1);
  for (int64_t i = 0; i < num_gradients; ++i) {
    slot.gradients.push_back(TransformerLayer::plan_gradients(arena, config, shape));
  }
  if (part.has_head) slot.head = OutputHead::plan_activations(arena, config, shape);
  if (part.has_embedding && part.has_head) slot.dx_TH = take_hidden();
  slot.sample_ids_B = arena.take({shape.samples}, DType::i64);
  return slot;
}

TransformerLayer::Activations ModelChunk::plan_layer(Arena& arena, const ModelConfig& config,
                                                     const StageLayers& part,
                                                     const MicrobatchShape& shape, int64_t layer,
                                                     const ChunkScratch::Recomputed& recomputed) {
  // What leaves the chunk is written where the caller says.
  const bool keeps_output = part.has_head || layer + 1 < part.num_layers;
  const auto plan_output = [&](TransformerLayer::Activations saved) {
    if (keeps_output) {
      saved.output_TH = arena.take({shape.tokens(), config.hidden_size}, config.residual_dtype());
    }
    return saved;
  };
  if (config.recompute.attention()) {
    return plan_output(
        TransformerLayer::plan_without_output(arena, config, shape, recomputed.front()));
  }
  const auto group = config.recompute.group_of(layer, part.num_layers);
  if (!group) {
    const auto attention = TransformerLayer::plan_attention(arena, config, shape);
    return plan_output(TransformerLayer::plan_without_output(arena, config, shape, attention));
  }
  const auto& saved = recomputed[static_cast<size_t>(layer - group->first)];
  // The output of a group is the input of what follows.
  return layer == group->last ? plan_output(saved) : saved;
}

size_t ModelChunk::slot_bytes(const ModelConfig& config, const StageLayers& part,
                              const MicrobatchShape& shape, BackwardMode mode) {
  Arena scratch;
  Arena plan;
  plan_slot(plan, config, part, shape, mode,
            ChunkScratch::plan_recomputed(scratch, config, shape, {&part, 1}));
  return plan.used_bytes();
}

LossSum ModelChunk::forward(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale) {
  enqueue_forward(slot, microbatch, loss_scale);
  return take_loss();
}

void ModelChunk::enqueue_forward(ActivationSlot& slot, const Microbatch& microbatch,
                                 double loss_scale) {
  load(slot, microbatch, loss_scale);
  run_layers(slot, setup_.rates);
  if (!head_) return;
  head_->forward(context(), layer_input(slot, layers_.size()), slot.labels_T, slot.dloss_T,
                 slot.head, scratch_->head());
  add_loss(slot);
}

LossSum ModelChunk::evaluate(ActivationSlot& slot, const Microbatch& microbatch) {
  enqueue_evaluation(slot, microbatch);
  return take_loss();
}

void ModelChunk::enqueue_evaluation(ActivationSlot& slot, const Microbatch& microbatch) {
  load(slot, microbatch, 0.0);
  run_layers(slot, DropoutRates{});
  if (!head_) return;
  head_->evaluate(context(), layer_input(slot, layers_.size()), slot.labels_T, slot.head,
                  scratch_->head());
  add_loss(slot);
}

void ModelChunk::add_loss(const ActivationSlot& slot) {
  kernels::masked_sum(context(), slot.head.loss_T, slot.mask_T, loss_sum_);
  loss_tokens_ += slot.loss_tokens;
}

LossSum ModelChunk::take_loss() {
  LossSum sum{.loss = 0.0, .tokens = std::exchange(loss_tokens_, 0.0)};
  context().stream.download(loss_sum_.view().raw(), &sum.loss, sizeof(double));
  kernels::fill_zero(context(), loss_sum_);
  return sum;
}

void ModelChunk::run_layers(ActivationSlot& slot, const DropoutRates& rates) {
  if (embedding_) {
    const TensorView embedded_TH = slot.input_TH.empty() ? slot.output_TH : slot.input_TH;
    embedding_->forward(context(), slot.tokens_BS, slot.positions_BS, rates, slot.samples().ids_B,
                        embedded_TH.reshape(hidden_shape()));
  }
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    TransformerLayer::Activations saved = slot.layers[layer];
    if (!head_ && layer + 1 == layers_.size()) saved.output_TH = slot.output_TH;
    layers_[layer].forward(context(), layer_input(slot, layer), rates, slot.samples(), saved,
                           scratch_->layer());
  }
}

void ModelChunk::upload(ConstTensorView from, TensorView to) const {
  check(from.num_elements() == to.num_elements(), ErrorKind::internal,
        "a microbatch has {} elements where its slot has {}", from.num_elements(),
        to.num_elements());
  context().stream.upload(from.raw(), to.raw(), to.size_bytes());
}

void ModelChunk::load(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale) {
  if (embedding_) {
    upload(microbatch.tokens_BS, slot.tokens_BS);
    upload(microbatch.positions_BS, slot.positions_BS);
  }
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
  if (head_) load_labels(slot, microbatch, loss_scale);
}

void ModelChunk::load_labels(ActivationSlot& slot, const Microbatch& microbatch,
                             double loss_scale) {
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
  assert(mode() == BackwardMode::split);
  if (head_) {
    head_->backward_input(context(), layer_input(slot, layers_.size()), slot.head, slot.dx_TH);
  }
  for (size_t layer = layers_.size(); layer-- > 0;) layer_backward_input(slot, layer);
  embedding_backward_input(slot);
}

void ModelChunk::backward_weight(ActivationSlot& slot) {
  assert(mode() == BackwardMode::split);
  if (head_) head_->backward_weight(context(), layer_input(slot, layers_.size()), slot.head);
  for (size_t layer = layers_.size(); layer-- > 0;) layer_backward_weight(slot, layer);
  embedding_backward_weight(slot);
}

void ModelChunk::backward(ActivationSlot& slot) {
  if (head_) {
    head_->backward_input(context(), layer_input(slot, layers_.size()), slot.head, slot.dx_TH);
    head_->backward_weight(context(), layer_input(slot, layers_.size()), slot.head);
  }
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
    layers_[index].recompute_attention(context(), setup_.rates, slot.samples(), slot.layers[index]);
    return;
  }
  const auto group = config_.recompute.group_of(layer, num_layers());
  if (!group || layer != group->last) return;
  for (auto i = static_cast<size_t>(group->first); i <= static_cast<size_t>(group->last); ++i) {
    layers_[i].forward(context(), layer_input(slot, i), setup_.rates, slot.samples(),
                       slot.layers[i], scratch_->layer());
  }
}

void ModelChunk::layer_backward_input(ActivationSlot& slot, size_t layer) {
  layers_[layer].backward_input(context(), layer_input(slot, layer), setup_.rates, slot.samples(),
                                slot.layers[layer], gradients(slot, layer), scratch_->layer(),
                                slot.dx_TH);
}

void ModelChunk::layer_backward_weight(ActivationSlot& slot, size_t layer) {
  layers_[layer].backward_weight(context(), layer_input(slot, layer), slot.layers[layer],
                                 gradients(slot, layer));
}

void ModelChunk::embedding_backward_input(ActivationSlot& slot) {
  if (!embedding_) return;
  embedding_->backward_input(context(), setup_.rates, slot.samples().ids_B,
                             slot.dx_TH.reshape(hidden_shape()));
}

void ModelChunk::embedding_backward_weight(ActivationSlot& slot) {
  if (!embedding_) return;
  embedding_->backward_weight(context(), slot.tokens_BS, slot.positions_BS,
                              slot.dx_TH.reshape(hidden_shape()));
}

ConstTensorView ModelChunk::layer_input(const ActivationSlot& slot, size_t layer) const {
  return layer == 0 ? slot.input_TH : slot.layers[layer - 1].output_TH;
}

const TransformerLayer::Gradients& ModelChunk::gradients(const ActivationSlot& slot,
                                                         size_t layer) const {
  return mode() == BackwardMode::split ? slot.gradients[layer] : slot.gradients.front();
}

void ModelChunk::start_gradients() {
  if (embedding_) embedding_->zero_gradients(context());
}

TensorView ModelChunk::lookup_gradient() {
  return embedding_ && setup_.separate_lookup ? embedding_->lookup_gradient() : TensorView();
}

void ModelChunk::join_gradients() {
  if (embedding_) embedding_->finalize(context());
}

}  // namespace weft::model
