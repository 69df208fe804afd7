#pragma once

#include <cstdint>
#include <vector>

#include "weft/schedule/stage_map.hpp"
#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// What every rank of a pipeline does in one step, and in which order. A static schedule, a plan
/// and the order of a recorded run are all this value.
struct PipelineSchedule {
  StageMap stages;
  int64_t num_microbatches = 0;
  std::vector<Schedule> ranks;  ///< ranks[r]: the tasks of rank r in order

  int64_t num_tasks() const;

  friend bool operator==(const PipelineSchedule&, const PipelineSchedule&) = default;
};

}  // namespace weft::schedule
