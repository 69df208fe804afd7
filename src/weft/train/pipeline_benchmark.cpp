#include "weft/train/pipeline_benchmark.hpp"

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/base/logger.hpp"
#include "weft/comm/thread_world.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/schedule/explain.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/pipeline_setup.hpp"
#include "weft/train/trainer.hpp"

namespace weft::train {

namespace {

constexpr std::string_view kDynamic = "dynamic";

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// The run by that schedule.
TrainConfig with_schedule(TrainConfig config, const std::string& schedule) {
  config.pipeline.dynamic = schedule.starts_with(kDynamic);
  config.pipeline.schedule = config.pipeline.dynamic ? "" : schedule;
  const size_t colon = schedule.find(':');
  if (config.pipeline.dynamic && colon != std::string::npos) {
    config.pipeline.dpp_order = schedule.substr(colon + 1);
  }
  return config;
}

/// As many threads as the ranks of the pipeline have together.
TrainConfig on_one_rank(TrainConfig config, int threads_per_rank) {
  config.threads_per_rank = threads_per_rank * static_cast<int>(config.pipeline.world_size());
  config.pipeline = {};
  return config;
}

class Run {
 public:
  Run(const TrainConfig& config, const data::Datasets& datasets,
      const PipelineBenchmarkOptions& options)
      : config_(config), datasets_(datasets), options_(options) {}

  PipelineMeasurement measure() {
    SilentLogger silent;
    const auto ranks = static_cast<int>(config_.pipeline.world_size());
    comm::ThreadWorld(
        silent, {.threads_per_rank = config_.threads_per_rank, .faults = config_.pipeline.faults})
        .run(ranks, [this](comm::RankContext& rank) { run_rank(rank); });
    result_.tasks_s = median(makespans_) * 1e-6;
    result_.bubble = median(bubbles_);
    result_.bound_gap = median(gaps_);
    return std::move(result_);
  }

 private:
  void run_rank(const comm::RankContext& rank) {
    Trainer trainer(config_, datasets_, rank);
    const auto own = static_cast<double>(trainer.planned_bytes());
    double peak = 0;
    for (const auto& of : trainer.of_all_ranks({&own, 1})) peak = std::max(peak, of[0]);
    for (int64_t i = 0; i < options_.warmup_steps + options_.steps; ++i) {
      const IterationResult step = trainer.train_iteration();
      const schedule::CommitLog log = trainer.last_step();
      if (!rank.is_first() || i < options_.warmup_steps) continue;
      note(step, log);
    }
    if (!rank.is_first()) return;
    result_.schedule = rank.world_size == 1 ? "one rank" : trainer.pipeline().schedule_name();
    result_.peak_bytes = static_cast<int64_t>(peak);
  }

  void note(const IterationResult& step, const schedule::CommitLog& log) {
    const schedule::Efficiency figures = schedule::efficiency(log);
    result_.step_s.push_back(step.seconds);
    result_.last_loss = step.loss.mean();
    makespans_.push_back(figures.makespan);
    bubbles_.push_back(figures.bubble);
    gaps_.push_back(figures.gap());
    const schedule::Explanation parts = schedule::explain(log);
    result_.overhead = parts.makespan > 0 ? parts.overhead / parts.makespan : 0;
  }

  const TrainConfig& config_;
  const data::Datasets& datasets_;
  const PipelineBenchmarkOptions& options_;
  PipelineMeasurement result_;
  std::vector<double> makespans_;
  std::vector<double> bubbles_;
  std::vector<double> gaps_;
};

}  // namespace

double PipelineMeasurement::median_s() const { return median(step_s); }

std::vector<PipelineMeasurement> benchmark_pipelines(const TrainConfig& config,
                                                     const PipelineBenchmarkOptions& options) {
  std::vector<TrainConfig> runs;
  const int threads =
      config.threads_per_rank > 0
          ? config.threads_per_rank
          : comm::default_threads_per_rank(static_cast<int>(config.pipeline.world_size()));
  runs.push_back(on_one_rank(config, threads));
  for (const std::string& schedule : options.schedules) {
    runs.push_back(with_schedule(config, schedule));
    runs.back().threads_per_rank = threads;
    (void)PipelineSetup(runs.back()).slots(0);  // refused before anything is measured
  }
  SilentLogger silent;
  const auto tokenizer = tokenizer::make_tokenizer(config.tokenizer);
  const int64_t samples = (options.steps + options.warmup_steps) * config.global_batch_size;
  const data::Datasets datasets = data::build_datasets(
      config.data, {.train = samples, .valid = 0, .test = 0}, *tokenizer, config.tokenizer, silent);
  std::vector<PipelineMeasurement> results;
  for (const TrainConfig& run : runs) results.push_back(Run(run, datasets, options).measure());
  return results;
}

}  // namespace weft::train
