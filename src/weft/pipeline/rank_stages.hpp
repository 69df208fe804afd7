#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "weft/model/rank_model.hpp"
#include "weft/pipeline/boundary.hpp"
#include "weft/pipeline/microbatch_source.hpp"
#include "weft/pipeline/pipeline_place.hpp"
#include "weft/schedule/task.hpp"

namespace weft::pipeline {

/// What the tasks of one step are run on.
struct StepInput {
  MicrobatchSource& source;
  /// Gradients are those of this times the loss.
  double loss_scale = 1.0;
  LossMean mean = LossMean::microbatches;
  int64_t num_microbatches = 1;  ///< of all replicas
  double tokens = 0.0;           ///< that count in the whole step, likewise; for LossMean::tokens
};

/// How many tensors a rank's stages can hold.
struct StageSlots {
  int64_t activations = 1;  ///< (chunk, microbatch) pairs between the start of F and the end of W
  int64_t links = 2;        ///< messages that wait at the receiving end of each channel
};

/// The stages of one rank: the memory of their microbatches, their ways to the stages before and
/// after, and how a task of theirs is run. All of it is taken at construction.
class RankStages {
 public:
  /// `model` and the endpoint outlive the stages. Activations come from `memory`; what travels
  /// comes from memory that neighbours can reach.
  RankStages(model::RankModel& model, const PipelinePlace& place, const StageSlots& slots,
             MemoryResource& memory);

  /// Bytes of the activations of a rank that holds `parts`, and of the buffers of what travels.
  static size_t activation_bytes(const model::ModelConfig& config,
                                 std::span<const parallel::StageLayers> parts,
                                 const model::MicrobatchShape& shape, model::BackwardMode mode,
                                 int64_t num_slots);
  static size_t buffer_bytes(const model::ModelConfig& config, const PipelinePlace& place,
                             const model::MicrobatchShape& shape, const StageSlots& slots);

  const StageSlots& slots() const { return slots_; }
  /// Of all activation slots.
  size_t activation_bytes() const { return memory_.size_bytes(); }
  int64_t num_chunks() const { return model_->num_chunks(); }
  model::RankModel& model() { return *model_; }

  /// Forwards of `num_microbatches`, and their backwards unless it is an evaluation.
  void begin_step(int64_t num_microbatches, bool with_backward);
  /// Whether what a task needs from another stage is here; true where it needs nothing.
  bool has_input(const schedule::Task& task);
  /// Whether it comes from another rank.
  bool comes_by_link(const schedule::Task& task);
  /// Whether what the task sends can leave.
  bool has_room(const schedule::Task& task);
  /// Makes `wait` end once that is so; does nothing where only the rank itself can change it.
  void await_input(const schedule::Task& task, comm::LinkWait& wait);
  void await_room(const schedule::Task& task, comm::LinkWait& wait);

  /// Runs a task that has input and room and whose activations have a free slot. Its result, and
  /// what it held, wait for deliver.
  void run(const schedule::Task& task, const StepInput& input);
  /// As run for a forward task, without dropout and without backward.
  void evaluate(const schedule::Task& task, MicrobatchSource& source);
  /// Sends what the task that ran last made, and frees its slot where that was its last task.
  void deliver(const schedule::Task& task, bool is_evaluation = false);

 private:
  /// The ends of one chunk; null where its stage is the first or the last, and where the rank has
  /// no neighbours.
  struct Ends {
    Inlet* input = nullptr;
    Outlet* output = nullptr;
    Inlet* output_gradient = nullptr;
    Outlet* input_gradient = nullptr;
  };
  struct Slot {
    std::vector<model::ActivationSlot> views;  ///< [chunk], all on the same memory
    Buffer input;                              ///< saved from F to W; without it in the first stage
    Buffer gradient;                           ///< of the embedding's output, from B to W
  };

  void connect(int64_t chunk);
  comm::LinkChannel channel(int64_t stage, comm::LinkKind kind) const;
  /// Ways from a stage to another on another rank, one of them here.
  Inlet* link_inlet(int64_t from, comm::LinkKind kind);
  Outlet* link_outlet(int64_t from, comm::LinkKind kind, int64_t to);
  Slot& slot_of(const schedule::Task& task);
  Slot& acquire(const schedule::Task& task);
  void release(const schedule::Task& task);
  model::ActivationSlot& bind_forward(const schedule::Task& task, Slot& slot);
  void backward(const schedule::Task& task, Slot& slot);
  Ends& ends(int64_t chunk) { return ends_[static_cast<size_t>(chunk)]; }
  Inlet* inlet(const schedule::Task& task);
  Outlet* outlet(const schedule::Task& task);

  model::RankModel* model_;
  PipelinePlace place_;
  StageSlots slots_;
  BoundaryTensor tensor_;
  MemoryResource* boundary_memory_;
  Buffer memory_;
  std::vector<Slot> activations_;
  std::vector<size_t> free_;                   ///< places in activations_
  std::vector<std::vector<size_t>> slot_ids_;  ///< [chunk][microbatch]
  Buffer spare_;                               ///< what a task writes before it leaves
  std::vector<std::unique_ptr<Outlet>> outlets_;
  std::vector<std::unique_ptr<Inlet>> inlets_;
  std::vector<Ends> ends_;  ///< [chunk]
};

}  // namespace weft::pipeline
