#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::schedule {

/// One executed task. Times are in the unit of the log.
struct CommitEntry {
  Task task;
  /// When the last of its inputs was there: results of other ranks when they arrived, those of the
  /// rank itself when the task that made them ended; 0 for F of stage 0.
  double arrived = 0;
  double start = 0;
  double end = 0;

  friend bool operator==(const CommitEntry&, const CommitEntry&) = default;
};

/// What every rank did in one step, and when: written by the executor and by the simulator. Without
/// its times a log is a plan.
struct CommitLog {
  StageMap stages;
  int64_t num_microbatches = 0;
  std::string time_unit = "units";              ///< "units" of a simulation, "us" of a run
  std::vector<std::vector<CommitEntry>> ranks;  ///< ranks[r]: in order of start

  /// Last end on any rank; time 0 is the start of the step.
  double makespan() const;
  /// The order alone.
  PipelineSchedule plan() const;

  friend bool operator==(const CommitLog&, const CommitLog&) = default;
};

}  // namespace weft::schedule
