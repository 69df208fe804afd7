#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/schedule/fault_words.hpp"
#include "weft/schedule/pipeline_schedule.hpp"
#include "weft/schedule/progress.hpp"

namespace weft::schedule {

/// Runs the orders of all ranks without a clock, as far as dependencies and slots allow: a
/// topological sort. Every rank's order must be complete (find_order_fault). Refers to the
/// schedule.
class Replay {
 public:
  /// `slots` as in Progress.
  Replay(const PipelineSchedule& schedule, int64_t slots);

  /// Runs every task that can be run; false when ranks are left that wait for each other.
  bool run();

  /// After run() was false: a cycle of tasks that wait for each other, as a sentence.
  std::string cycle(const FaultWords& words) const;

 private:
  /// A task that cannot start, and what it waits for.
  struct Wait {
    int64_t rank = 0;  ///< of the task that waits
    Need need;
  };

  const Schedule& order(int64_t rank) const { return schedule_.ranks[static_cast<size_t>(rank)]; }
  const Task& head(int64_t rank) const { return order(rank)[next_[static_cast<size_t>(rank)]]; }
  bool ended(int64_t rank) const { return next_[static_cast<size_t>(rank)] == order(rank).size(); }
  int64_t rank_of(int64_t stage) const { return rank_of_[static_cast<size_t>(stage)]; }

  void advance(int64_t rank);
  void wake(int64_t rank);
  std::vector<Wait> find_cycle() const;
  Task needed_task(const Need& need) const;

  const PipelineSchedule& schedule_;
  Progress progress_;
  std::vector<int64_t> rank_of_;  ///< [stage]
  std::vector<size_t> next_;      ///< [rank] place of the first task that has not run
  std::vector<int64_t> awake_;    ///< ranks whose next task may have become ready
  std::vector<bool> is_awake_;    ///< [rank]
};

}  // namespace weft::schedule
