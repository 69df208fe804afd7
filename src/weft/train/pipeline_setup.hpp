#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "weft/model/activation_slot.hpp"
#include "weft/parallel/layer_partition.hpp"
#include "weft/parallel/topology.hpp"
#include "weft/pipeline/step_plan.hpp"
#include "weft/schedule/commit_log.hpp"
#include "weft/schedule/graph.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

/// Durations of a step's tasks in microseconds, by stage.
struct StageDurations {
  std::vector<double> forward;
  std::vector<double> backward_input;
  std::vector<double> backward_weight;
};

/// What each stage's tasks took on average. A stage without B and W has its D split evenly.
StageDurations mean_durations(const schedule::CommitLog& log);

/// What a configuration means for its pipeline: which stages there are, what each rank holds, and
/// how a step is run. A value that all ranks compute alike. With one rank it is the whole model.
class PipelineSetup {
 public:
  /// Throws Error{usage} or Error{data} when the schedule does not exist for the run.
  explicit PipelineSetup(const TrainConfig& config);

  const schedule::StageMap& stages() const { return stages_; }
  const parallel::LayerPartition& partition() const { return partition_; }
  const parallel::Topology& topology() const { return topology_; }
  bool has_tied_embeddings() const { return config_.model.tied_embeddings; }
  /// What the chunks of a pipeline rank hold.
  std::vector<parallel::StageLayers> parts(int64_t rank) const;
  model::BackwardMode backward_mode() const;
  /// "1f1b", "dynamic (auto)", the name of a file
  std::string schedule_name() const;

  /// How `rank` runs a step of that many microbatches. Throws as the constructor does.
  pipeline::StepPlan plan(int64_t rank, int64_t num_microbatches) const;
  /// A step of the full batch in the reference model, with the plan's durations.
  schedule::Simulation simulate() const;
  /// How `rank` runs an evaluation's forwards, the same whatever was measured.
  pipeline::StepPlan evaluation_plan(int64_t rank) const;
  /// The most slots that any step or evaluation of the run needs.
  pipeline::StageSlots slots(int64_t rank) const;

  /// Whether plans follow from durations, which the run can then measure.
  bool uses_durations() const { return is_dynamic(); }
  /// Later plans follow from these.
  void set_durations(StageDurations durations) { durations_ = std::move(durations); }
  /// Guesses from the stages' floating point operations.
  StageDurations estimated_durations() const;

 private:
  schedule::PipelineSchedule order(int64_t num_microbatches) const;
  /// The policies that --dpp-order, `wanted`, stands for.
  static schedule::PolicyFactory policy(const std::string& wanted,
                                        const std::shared_ptr<const schedule::Graph>& graph,
                                        const schedule::PipelineSchedule& planned);
  std::shared_ptr<const schedule::Graph> graph(int64_t num_microbatches,
                                               const StageDurations& durations) const;
  int64_t full_microbatches() const;
  bool is_dynamic() const { return config_.pipeline.dynamic && stages_.num_ranks > 1; }
  bool splits_dynamic_backward() const;
  int64_t dynamic_cap(int64_t num_microbatches) const;

  TrainConfig config_;
  schedule::StageMap stages_;
  parallel::LayerPartition partition_;
  parallel::Topology topology_;
  StageDurations durations_;
};

}  // namespace weft::train
