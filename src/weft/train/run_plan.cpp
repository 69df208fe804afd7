#include "weft/train/run_plan.hpp"

#include <numeric>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/schedule/static_schedule.hpp"
#include "weft/train/pipeline_setup.hpp"

namespace weft::train {

namespace {

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Each stage's share of `costs`, which are those of `layers` layers.
StageDurations durations_of(const PipelineSetup& setup, const ChunkCosts& costs, double layers) {
  StageDurations durations;
  for (const parallel::StageLayers& stage : setup.partition().stages()) {
    const double share = static_cast<double>(stage.num_layers) / layers;
    durations.forward.push_back(costs.forward * share);
    durations.backward_input.push_back(costs.backward_input * share);
    durations.backward_weight.push_back(costs.backward_weight * share);
  }
  return durations;
}

/// Durations in forwards of a mean virtual chunk.
StageDurations estimates_of(const PipelineSetup& setup, double chunks) {
  StageDurations durations = setup.estimated_durations();
  const double unit = sum(durations.forward) / chunks;
  for (auto* times : {&durations.forward, &durations.backward_input, &durations.backward_weight}) {
    for (double& time : *times) time /= unit;
  }
  return durations;
}

class Planning {
 public:
  Planning(const TrainConfig& config, const std::optional<ChunkCosts>& costs,
           int64_t available_bytes)
      : config_(config), costs_(costs), available_bytes_(available_bytes) {
    const parallel::LayerSplit& split = config.pipeline.split;
    const int64_t vpp = split.is_interleaved() ? split.num_chunks() : 1;
    chunks_ = static_cast<double>(config.pipeline.num_ranks() * vpp);
  }

  RunPlan run() const {
    const PipelineSetup setup(config_);
    RunPlan plan{.ranks = ranks(setup), .schedules = {}, .chosen = setup.schedule_name()};
    if (config_.pipeline.num_ranks() == 1) {
      plan.schedules.push_back(judge(plan.chosen, config_));
      return plan;
    }
    for (const schedule::StaticSchedule& named : schedule::static_schedules()) {
      TrainConfig other = config_;
      other.pipeline.schedule = named.name;
      other.pipeline.dynamic = false;
      other.pipeline.mapping.reset();
      other.pipeline.replay.clear();
      plan.schedules.push_back(judge(std::string(named.name), other));
    }
    TrainConfig dynamic = config_;
    dynamic.pipeline.schedule.clear();
    dynamic.pipeline.dynamic = true;
    dynamic.pipeline.replay.clear();
    plan.schedules.push_back(judge(PipelineSetup(dynamic).schedule_name(), dynamic));
    const bool is_listed = std::ranges::any_of(
        plan.schedules, [&](const PlannedSchedule& one) { return one.name == plan.chosen; });
    if (!is_listed) plan.schedules.push_back(judge(plan.chosen, config_));
    return plan;
  }

 private:
  std::vector<PlannedRank> ranks(const PipelineSetup& setup) const {
    std::vector<PlannedRank> ranks;
    for (int64_t rank = 0; rank < config_.pipeline.world_size(); ++rank) {
      const parallel::Coordinates at = setup.topology().coordinates(rank);
      PlannedRank& planned = ranks.emplace_back(
          PlannedRank{.rank = rank, .pp = at.pp, .dp = at.dp, .parts = setup.parts(at.pp)});
      planned.parameters = model::num_gpt_parameters(config_.model, planned.parts);
      planned.memory = plan_memory(config_, Stream(), at.pp);
    }
    return ranks;
  }

  PlannedSchedule judge(std::string name, const TrainConfig& config) const {
    PlannedSchedule result{.name = std::move(name)};
    try {
      PipelineSetup setup(config);
      const double layers = static_cast<double>(config.model.num_layers) / chunks_;
      setup.set_durations(costs_ ? durations_of(setup, *costs_, layers)
                                 : estimates_of(setup, chunks_));
      const schedule::Simulation step = setup.simulate();
      result.makespan = step.makespan;
      result.bubble = step.bubble;
      int64_t all = 0;
      for (int64_t rank = 0; rank < config.pipeline.num_ranks(); ++rank) {
        const int64_t bytes = plan_memory(config, Stream(), rank).total();
        result.peak_bytes = std::max(result.peak_bytes, bytes);
        all += bytes * config.pipeline.num_replicas;
      }
      result.fits = all <= available_bytes_;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;
      result.problem = error.what();
    }
    return result;
  }

  const TrainConfig& config_;
  const std::optional<ChunkCosts>& costs_;
  int64_t available_bytes_;
  double chunks_ = 1;  ///< virtual chunks of the model
};

}  // namespace

RunPlan plan_run(const TrainConfig& config, const std::optional<ChunkCosts>& costs,
                 int64_t available_bytes) {
  return Planning(config, costs, available_bytes).run();
}

}  // namespace weft::train
