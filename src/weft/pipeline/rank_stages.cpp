#include "weft/pipeline/rank_stages.hpp"

#include <algorithm>
#include <cassert>

#include "weft/base/error.hpp"

namespace weft::pipeline {

using comm::LinkKind;
using model::ActivationSlot;
using model::BackwardMode;
using model::ModelChunk;
using parallel::StageLayers;
using schedule::Task;
using schedule::TaskKind;

namespace {

constexpr size_t kNoSlot = SIZE_MAX;

/// The weight of a microbatch's mean loss in that of the step; the chunk divides by the
/// microbatch's own tokens.
double share_of(const model::Microbatch& microbatch, const StepInput& input) {
  if (input.mean == LossMean::microbatches) {
    return 1.0 / static_cast<double>(input.num_microbatches);
  }
  return input.tokens > 0.0 ? loss_tokens(microbatch) / input.tokens : 0.0;
}

/// Memory that all neighbours reach fastest: buffers change hands between links, so one kind has to
/// serve them all.
MemoryResource& boundary_memory(const PipelinePlace& place) {
  if (place.endpoint != nullptr) {
    for (const int peer : place.world_ranks) {
      if (peer == place.endpoint->rank()) continue;
      MemoryResource& memory = place.endpoint->link_memory(peer);
      if (&memory != &host_memory()) return memory;
    }
  }
  return host_memory();
}

/// One slot serves any chunk of its rank.
size_t largest_slot(const model::ModelConfig& config, std::span<const StageLayers> parts,
                    const model::MicrobatchShape& shape, BackwardMode mode) {
  size_t bytes = 0;
  for (const StageLayers& part : parts) {
    bytes = std::max(bytes, ModelChunk::slot_bytes(config, part, shape, mode));
  }
  return bytes;
}

bool splits_stages(const PipelinePlace& place) { return place.stages.num_stages() > 1; }

}  // namespace

RankStages::RankStages(model::RankModel& model, const PipelinePlace& place, const StageSlots& slots,
                       MemoryResource& memory)
    : model_(&model),
      place_(place),
      slots_(slots),
      tensor_{model.chunk(0).boundary_dtype(), model.chunk(0).boundary_shape()},
      boundary_memory_(&boundary_memory(place)),
      activations_(static_cast<size_t>(slots.activations)),
      slot_ids_(static_cast<size_t>(model.num_chunks())),
      ends_(static_cast<size_t>(model.num_chunks())) {
  check(place.stages.num_chunks == model.num_chunks(), ErrorKind::internal,
        "a pipeline with {} chunks per rank on a model of {}", place.stages.num_chunks,
        model.num_chunks());
  size_t bytes = 0;
  for (int64_t chunk = 0; chunk < num_chunks(); ++chunk) {
    bytes = std::max(bytes, model.chunk(chunk).slot_bytes());
  }
  memory_ = Buffer(activations_.size() * bytes, memory);
  const bool has_embedding = model.chunk(0).part().has_embedding;
  for (size_t i = 0; i < activations_.size(); ++i) {
    for (int64_t chunk = 0; chunk < num_chunks(); ++chunk) {
      Arena arena(memory_.data() + i * bytes, bytes);
      activations_[i].views.push_back(model.chunk(chunk).make_slot(arena));
    }
    if (!splits_stages(place)) continue;
    activations_[i].input = Buffer(tensor_.size_bytes(), *boundary_memory_);
    if (has_embedding) {
      activations_[i].gradient = Buffer(tensor_.size_bytes(), *boundary_memory_);
    }
  }
  for (size_t i = activations_.size(); i-- > 0;) free_.push_back(i);
  if (!splits_stages(place)) return;
  spare_ = Buffer(tensor_.size_bytes(), *boundary_memory_);
  for (int64_t chunk = 0; chunk < num_chunks(); ++chunk) connect(chunk);
}

void RankStages::connect(int64_t chunk) {
  const schedule::StageMap& stages = place_.stages;
  const int64_t stage = stages.stage_of(place_.rank, chunk);
  Ends& own = ends(chunk);
  // A stage of this rank on the other side makes both ends, or has made them.
  if (stage > 0 && stages.rank_of(stage - 1) != place_.rank) {
    own.input = link_inlet(stage - 1, LinkKind::activation);
    own.input_gradient = link_outlet(stage, LinkKind::gradient, stage - 1);
  }
  if (stage + 1 == stages.num_stages()) return;
  if (stages.rank_of(stage + 1) != place_.rank) {
    own.output = link_outlet(stage, LinkKind::activation, stage + 1);
    own.output_gradient = link_inlet(stage + 1, LinkKind::gradient);
    return;
  }
  Ends& next = ends(stages.chunk_of(stage + 1));
  const auto hand_over = [&](Outlet*& from, Inlet*& to) {
    auto handover = std::make_unique<Handover>(tensor_, activations_.size(), *boundary_memory_);
    from = handover.get();
    to = handover.get();
    inlets_.push_back(std::move(handover));
  };
  hand_over(own.output, next.input);
  hand_over(next.input_gradient, own.output_gradient);
}

comm::LinkChannel RankStages::channel(int64_t stage, LinkKind kind) const {
  return {.stage = static_cast<int>(stage),
          .chunk = static_cast<int>(place_.stages.chunk_of(stage)),
          .kind = kind,
          .pipeline = place_.name};
}

Inlet* RankStages::link_inlet(int64_t from, LinkKind kind) {
  inlets_.push_back(std::make_unique<LinkInlet>(*place_.endpoint, channel(from, kind),
                                                place_.world_rank_of(from), tensor_,
                                                static_cast<int>(slots_.links), *boundary_memory_));
  return inlets_.back().get();
}

Outlet* RankStages::link_outlet(int64_t from, LinkKind kind, int64_t to) {
  outlets_.push_back(std::make_unique<LinkOutlet>(
      *place_.endpoint, channel(from, kind), place_.world_rank_of(to), tensor_, *boundary_memory_));
  return outlets_.back().get();
}

size_t RankStages::activation_bytes(const model::ModelConfig& config,
                                    std::span<const StageLayers> parts,
                                    const model::MicrobatchShape& shape, BackwardMode mode,
                                    int64_t num_slots) {
  return static_cast<size_t>(num_slots) * largest_slot(config, parts, shape, mode);
}

size_t RankStages::buffer_bytes(const model::ModelConfig& config, const PipelinePlace& place,
                                const model::MicrobatchShape& shape, const StageSlots& slots) {
  if (!splits_stages(place)) return 0;
  const BoundaryTensor tensor{config.residual_dtype(), {shape.tokens(), config.hidden_size}};
  int64_t buffers = 1 + slots.activations;
  for (int64_t chunk = 0; chunk < place.stages.num_chunks; ++chunk) {
    const int64_t stage = place.stages.stage_of(place.rank, chunk);
    if (stage == 0) buffers += slots.activations;
    if (stage > 0 && place.stages.rank_of(stage - 1) != place.rank) buffers += 1 + slots.links;
    if (stage + 1 == place.stages.num_stages()) continue;
    const bool stays = place.stages.rank_of(stage + 1) == place.rank;
    buffers += stays ? 2 * slots.activations : 1 + slots.links;
  }
  return static_cast<size_t>(buffers) * aligned_size(tensor.size_bytes());
}

void RankStages::begin_step(int64_t num_microbatches, bool with_backward) {
  assert(free_.size() == activations_.size());
  for (auto& ids : slot_ids_) ids.assign(static_cast<size_t>(num_microbatches), kNoSlot);
  for (const Ends& chunk : ends_) {
    if (chunk.input != nullptr) chunk.input->begin_step(num_microbatches);
    if (chunk.output_gradient == nullptr) continue;
    chunk.output_gradient->begin_step(with_backward ? num_microbatches : 0);
  }
}

Inlet* RankStages::inlet(const Task& task) {
  if (task.kind == TaskKind::backward_weight) return nullptr;
  return task.kind == TaskKind::forward ? ends(task.chunk).input : ends(task.chunk).output_gradient;
}

Outlet* RankStages::outlet(const Task& task) {
  if (task.kind == TaskKind::backward_weight) return nullptr;
  return task.kind == TaskKind::forward ? ends(task.chunk).output : ends(task.chunk).input_gradient;
}

bool RankStages::has_input(const Task& task) {
  Inlet* from = inlet(task);
  return from == nullptr || from->has_arrived(task.microbatch);
}

bool RankStages::comes_by_link(const Task& task) {
  Inlet* from = inlet(task);
  return from != nullptr && from->is_link();
}

bool RankStages::has_room(const Task& task) {
  Outlet* to = outlet(task);
  return to == nullptr || to->is_free(task.microbatch);
}

void RankStages::await_input(const Task& task, comm::LinkWait& wait) {
  if (Inlet* from = inlet(task)) from->await(task.microbatch, wait);
}

void RankStages::await_room(const Task& task, comm::LinkWait& wait) {
  if (Outlet* to = outlet(task)) to->await(wait);
}

RankStages::Slot& RankStages::slot_of(const Task& task) {
  const size_t id =
      slot_ids_[static_cast<size_t>(task.chunk)][static_cast<size_t>(task.microbatch)];
  assert(id != kNoSlot);
  return activations_[id];
}

RankStages::Slot& RankStages::acquire(const Task& task) {
  check(!free_.empty(), ErrorKind::internal,
        "{} starts while {} microbatches hold all activation slots", to_string(task),
        activations_.size());
  slot_ids_[static_cast<size_t>(task.chunk)][static_cast<size_t>(task.microbatch)] = free_.back();
  free_.pop_back();
  return slot_of(task);
}

void RankStages::release(const Task& task) {
  size_t& id = slot_ids_[static_cast<size_t>(task.chunk)][static_cast<size_t>(task.microbatch)];
  free_.push_back(id);
  id = kNoSlot;
}

/// Points the views of a forward task at its input and its output.
ActivationSlot& RankStages::bind_forward(const Task& task, Slot& slot) {
  ActivationSlot& views = slot.views[static_cast<size_t>(task.chunk)];
  if (Inlet* from = ends(task.chunk).input) {
    from->take(task.microbatch, slot.input);
    views.input_TH = tensor_.view(slot.input);
  }
  if (ends(task.chunk).output != nullptr) views.output_TH = tensor_.view(spare_);
  return views;
}

void RankStages::run(const Task& task, const StepInput& input) {
  ModelChunk& chunk = model_->chunk(task.chunk);
  switch (task.kind) {
    case TaskKind::forward: {
      const model::Microbatch microbatch = input.source.microbatch(task.microbatch);
      ActivationSlot& views = bind_forward(task, acquire(task));
      const double share = chunk.part().has_head ? share_of(microbatch, input) : 0.0;
      chunk.enqueue_forward(views, microbatch, input.loss_scale * share);
      break;
    }
    case TaskKind::backward_input:
    case TaskKind::backward:
      backward(task, slot_of(task));
      break;
    case TaskKind::backward_weight:
      chunk.backward_weight(slot_of(task).views[static_cast<size_t>(task.chunk)]);
      break;
  }
}

void RankStages::deliver(const Task& task, bool is_evaluation) {
  if (Outlet* to = outlet(task)) to->send(task.microbatch, spare_);
  const bool is_last =
      task.kind == TaskKind::backward_weight || task.kind == TaskKind::backward || is_evaluation;
  if (is_last) release(task);
}

void RankStages::backward(const Task& task, Slot& slot) {
  ModelChunk& chunk = model_->chunk(task.chunk);
  ActivationSlot& views = slot.views[static_cast<size_t>(task.chunk)];
  // The embedding's weights need the gradient until W; elsewhere it travels on.
  const bool keeps_gradient = chunk.part().has_embedding;
  Buffer& buffer = keeps_gradient ? slot.gradient : spare_;
  if (Inlet* from = ends(task.chunk).output_gradient) from->take(task.microbatch, buffer);
  if (splits_stages(place_)) views.dx_TH = tensor_.view(buffer);
  if (task.kind == TaskKind::backward) {
    chunk.backward(views);
  } else {
    chunk.backward_input(views);
  }
}

void RankStages::evaluate(const Task& task, MicrobatchSource& source) {
  assert(task.kind == TaskKind::forward);
  const model::Microbatch microbatch = source.microbatch(task.microbatch);
  ActivationSlot& views = bind_forward(task, acquire(task));
  model_->chunk(task.chunk).enqueue_evaluation(views, microbatch);
}

}  // namespace weft::pipeline
