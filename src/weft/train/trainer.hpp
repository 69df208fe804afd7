#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weft/checkpoint/train_state.hpp"
#include "weft/comm/rank_context.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/device/compute_device.hpp"
#include "weft/device/process_memory.hpp"
#include "weft/model/parameter.hpp"
#include "weft/model/rank_model.hpp"
#include "weft/observe/timers.hpp"
#include "weft/optim/optimizer.hpp"
#include "weft/pipeline/executor.hpp"
#include "weft/schedule/commit_log.hpp"
#include "weft/train/batch_source.hpp"
#include "weft/train/memory_plan.hpp"
#include "weft/train/pipeline_setup.hpp"
#include "weft/train/rank_groups.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

/// What one iteration did.
struct IterationResult {
  model::LossSum loss;
  optim::StepResult step;
  double learning_rate = 0.0;                     ///< after the iteration, as Megatron prints it
  std::optional<double> decoupled_learning_rate;  ///< with --decoupled-lr, likewise
  double seconds = 0.0;
  int64_t batch_size = 0;  ///< samples of the iteration
};

/// One rank's training state and the two things done with it: an iteration and an evaluation. All
/// ranks of a run call the same functions in the same order, those that are marked collective
/// included. Prints nothing; pretrain.cpp drives it.
class Trainer {
 public:
  /// Takes all memory of the run from `device`. `config` is complete (its vocabulary is known);
  /// `datasets` outlives the trainer. Parameters start from `config.seed`, or as zeros where the
  /// run draws none.
  Trainer(const TrainConfig& config, const data::Datasets& datasets, const comm::RankContext& rank,
          const ComputeDevice& device = ComputeDevice());

  /// Runs one iteration: all microbatches, the optimizer, the counters. Collective; loss and norm
  /// are those of the whole model on every rank. Throws Error{numeric} when
  /// the loss or the gradient norm is not finite and config.check_for_nan is on.
  IterationResult train_iteration();

  /// Passes over an iteration: its samples count as consumed, nothing is computed.
  void skip_iteration();

  /// Batch of the next iteration.
  BatchSize next_batch() const { return batches_.at(state_.consumed_train_samples); }

  /// Loss over `config.eval_iters` batches of `dataset` that start at `consumed_samples`, on every
  /// rank. Collective.
  model::LossSum evaluate(const data::Dataset& dataset, int64_t consumed_samples);

  model::ParameterSet& parameters() { return parameters_; }
  /// Follows other learning rate and weight decay schedules from here on.
  void set_schedule(const optim::ScheduleConfig& schedule) { config_.schedule = schedule; }
  const optim::ScheduleConfig& schedule() const { return config_.schedule; }
  /// Time that iterations spent in their parts, as far as --timing-log-level asks.
  observe::Timers& timers() { return timers_; }
  /// Where the rank's kernels run.
  Stream& stream() { return stream_; }
  optim::Optimizer& optimizer() { return optimizer_; }
  /// Counters of the run, saved with every checkpoint.
  checkpoint::TrainState& state() { return state_; }
  /// L2 norm of all parameters of the model. Collective.
  double params_norm() const;

  /// `values` of every rank, by rank. Collective; all pass equally many.
  std::vector<std::vector<double>> of_all_ranks(std::span<const double> values) const;
  bool is_first_rank() const { return rank_.is_first(); }
  /// The ranks that hold this rank's model together; null where one does.
  comm::Communicator* model_ranks() const { return groups_.pipeline(); }
  /// Whether this rank's copy of the model is the one that is saved.
  bool is_saved() const { return groups_.replica() == 0; }
  /// What the ranks of this rank's pipeline did in the last iteration, in microseconds since it
  /// began. Collective.
  schedule::CommitLog last_step() const;
  const PipelineSetup& pipeline() const { return setup_; }

  /// Memory of the process, or what is in use on the run's GPU, which never falls during a run.
  ProcessMemory memory_in_use() const;
  /// Bytes that the rank holds from start to end: one block, and the buffers of what travels.
  size_t planned_bytes() const { return static_cast<size_t>(plan_.total()); }

 private:
  bool has_others() const { return config_.pipeline.world_size() > 1; }
  int64_t stage_rank() const { return groups_.pipeline_rank(); }
  pipeline::StepPlan first_plan() const;
  optim::ModelRanks optimizer_ranks() const;
  /// Adds both ends' gradients of a tied table that two ranks hold.
  void join_tied_gradients();
  /// The loss that one rank knows, on all.
  model::LossSum share(model::LossSum loss) const;
  /// Plans the next steps by what the last one took.
  void learn_durations();
  void set_plan(int64_t num_microbatches);
  int64_t num_microbatches(const BatchSize& batch) const {
    return batch.run / config_.samples_per_microbatch();
  }
  class PartTimer;
  void enqueue_gradients();
  void enqueue_update();
  void check_finite(const IterationResult& result) const;
  void count_samples(const BatchSize& batch);
  data::SamplerConfig sampler_config(int64_t total_samples) const;

  TrainConfig config_;
  comm::RankContext rank_;
  PipelineSetup setup_;
  RankGroups groups_;
  std::vector<parallel::StageLayers> parts_;
  pipeline::StepPlan evaluation_plan_;
  model::MicrobatchShape shape_;
  BatchSchedule batches_;
  std::optional<BatchSource> train_source_;  ///< empty without training data
  ComputeDevice device_;
  mutable Stream stream_;
  MemoryPlan plan_;
  PlannedMemory memory_;
  model::ParameterSet parameters_;
  model::RankModel model_;
  pipeline::Executor executor_;
  optim::Optimizer optimizer_;
  checkpoint::TrainState state_;
  observe::Timers timers_;
  int64_t learned_at_ = 0;  ///< iterations of this run after which durations were last taken
  int64_t run_iterations_ = 0;
};

}  // namespace weft::train
