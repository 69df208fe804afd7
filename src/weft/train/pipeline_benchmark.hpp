#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "weft/train/train_config.hpp"

namespace weft::train {

/// How one schedule did.
struct PipelineMeasurement {
  std::string schedule;          ///< "one rank", "1f1b", "dynamic (auto)"
  std::vector<double> step_s{};  ///< whole iterations, optimizer included
  double tasks_s = 0;            ///< median from the first task of a step to its last
  double bubble = 0;             ///< medians over the measured steps, as schedule::Efficiency
  double bound_gap = 0;
  double overhead = 0;     ///< share of the last step that no dependency accounts for (explain)
  int64_t peak_bytes = 0;  ///< planned, of the rank with the most
  double last_loss = 0;    ///< equal for all schedules

  double median_s() const;
};

/// How much a benchmark of pipelines measures.
struct PipelineBenchmarkOptions {
  /// Names of static schedules, and "dynamic" with --dpp-order's values after a colon.
  std::vector<std::string> schedules;
  int64_t steps = 5;
  int64_t warmup_steps = 2;  ///< run before, not measured: the first is what plans follow from
};

/// Trains on mock data by each schedule in turn, on ranks that are threads, and before them on one
/// rank with as many threads as all of them have. `config` is complete but for the schedule. Throws
/// Error{usage} for a schedule that the run cannot have.
std::vector<PipelineMeasurement> benchmark_pipelines(const TrainConfig& config,
                                                     const PipelineBenchmarkOptions& options);

}  // namespace weft::train
