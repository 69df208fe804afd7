#pragma once

#include <cassert>
#include <memory>
#include <optional>

#include "weft/schedule/rank_state.hpp"

namespace weft::schedule {

/// What a policy sees of its rank when it is asked for the next task.
struct View {
  const RankState& rank;
  double clock;         ///< now, in the unit of the graph
  double longest_wait;  ///< how long a policy may wait without being asked again
};

/// Run a task now, or be asked again when something happens and at `until` at the latest. `until`
/// is always finite: no policy sleeps for ever (reference/schedules.md 2.3 R8; Theorem 1 rests on
/// it).
class Decision {
 public:
  static Decision run(const Task& task) { return Decision(task, 0); }
  /// Waits for whatever happens next, at most for the view's longest wait.
  static Decision wait(const View& view) {
    return Decision(std::nullopt, view.clock + view.longest_wait);
  }
  /// Waits until `time`, which is later than the clock, or the view's longest wait.
  static Decision wait_until(const View& view, double time) {
    assert(time > view.clock);
    const double last = view.clock + view.longest_wait;
    return Decision(std::nullopt, time < last ? time : last);
  }

  const std::optional<Task>& task() const { return task_; }
  double until() const { return until_; }

 private:
  Decision(std::optional<Task> task, double until) : task_(task), until_(until) {}

  std::optional<Task> task_;
  double until_;
};

/// Decides what a rank does next: a function of the view and of what the two reports below told it.
/// One object per rank. The executor and the simulator run the same policies.
class Policy {
 public:
  virtual ~Policy() = default;

  /// Asked when the rank is idle, or about to be. A task that it runs must be one that can start.
  virtual Decision choose(const View& view) const = 0;
  /// The rank started `task` at `time`.
  virtual void started(const Task& task, double time);
  /// What `task` needs from a neighbouring stage arrived at `time`. For a gradient, B stands for
  /// either kind of backward.
  virtual void arrived(const Task& task, double time);
};

}  // namespace weft::schedule
