#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/parallel/layer_partition.hpp"
#include "weft/train/memory_plan.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

/// What one rank of a run would hold.
struct PlannedRank {
  int64_t rank = 0;
  int64_t pp = 0;  ///< its place in the pipeline
  int64_t dp = 0;  ///< its replica
  std::vector<parallel::StageLayers> parts{};
  int64_t parameters = 0;
  MemoryPlan memory{};
};

/// How a schedule would do in the reference model (reference/schedules.md A.1).
struct PlannedSchedule {
  std::string name;
  double makespan = 0;     ///< in forwards of a mean virtual chunk
  double bubble = 0;       ///< idle share of the ranks
  int64_t peak_bytes = 0;  ///< of the rank that needs the most
  bool fits = false;       ///< all ranks together, in the memory that there is
  std::string problem{};   ///< why the run cannot have it; empty when it can
};

struct RunPlan {
  std::vector<PlannedRank> ranks;          ///< of the schedule that the run has chosen
  std::vector<PlannedSchedule> schedules;  ///< every static one, then the dynamic one
  std::string chosen;                      ///< name of the run's own schedule
};

/// Times of a virtual chunk of one microbatch, in any unit.
struct ChunkCosts {
  double forward = 1;
  double backward_input = 1;
  double backward_weight = 1;
};

/// What `config`, whose vocabulary is known, would do, known without doing it, on the calling
/// thread's number of threads. Durations follow from `costs`, each stage by its layers, or from the
/// stages' operations. Throws Error{usage} when the run's own schedule does not exist.
RunPlan plan_run(const TrainConfig& config, const std::optional<ChunkCosts>& costs,
                 int64_t available_bytes);

}  // namespace weft::train
