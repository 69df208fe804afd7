#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/schedule/stage_map.hpp"
#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// A task that has to end before another may start. `kind` is F, or B for either B or D.
struct Need {
  TaskKind kind = TaskKind::forward;
  int64_t stage = 0;
  int64_t microbatch = 0;
  bool frees_slot = false;  ///< needed for the receiver slot that it empties, not for its result
};

/// How far the stages of a pipeline are, and what a task still waits for: the dependencies of
/// reference/schedules.md A.1 and the receiver slots of its rule S.
///
/// A stage runs the microbatches of a kind in ascending order, so two counters per stage say which
/// tasks have ended.
class Progress {
 public:
  /// Nothing has run. With `slots` > 0, message i of a channel between two ranks has to be consumed
  /// before message i + slots is produced; 0: no channel runs out of slots.
  explicit Progress(const StageMap& stages, int64_t slots = 0);

  /// What `task` of `stage` waits for; nothing when it may start.
  std::optional<Need> missing(int64_t stage, const Task& task) const {
    const int64_t microbatch = task.microbatch;
    switch (task.kind) {
      case TaskKind::forward:
        return missing_for_forward(stage, microbatch);
      case TaskKind::backward_input:
      case TaskKind::backward:
        return missing_for_gradient(stage, microbatch);
      case TaskKind::backward_weight:
        break;
    }
    if (at(stage).gradients <= microbatch) return gradient(stage, microbatch);
    return {};
  }

  /// Counts a task of `stage` that has ended.
  void finish(int64_t stage, TaskKind kind) {
    if (kind == TaskKind::forward) ++at(stage).forwards;
    if (kind == TaskKind::backward_input || kind == TaskKind::backward) ++at(stage).gradients;
  }

 private:
  struct Stage {
    int64_t forwards = 0;       ///< F that have ended
    int64_t gradients = 0;      ///< B or D that have ended
    bool leaves_rank = false;   ///< the next stage lives on another rank
    bool enters_rank = false;   ///< the stage before lives on another rank
    bool has_next = false;      ///< there is a stage after it
    bool has_previous = false;  ///< there is a stage before it
  };

  const Stage& at(int64_t stage) const { return stages_[static_cast<size_t>(stage)]; }
  Stage& at(int64_t stage) { return stages_[static_cast<size_t>(stage)]; }

  static Need forward(int64_t stage, int64_t microbatch) {
    return {TaskKind::forward, stage, microbatch, false};
  }
  static Need gradient(int64_t stage, int64_t microbatch) {
    return {TaskKind::backward_input, stage, microbatch, false};
  }

  std::optional<Need> missing_for_forward(int64_t stage, int64_t microbatch) const {
    const Stage& own = at(stage);
    if (own.has_previous && at(stage - 1).forwards <= microbatch) {
      return forward(stage - 1, microbatch);
    }
    if (own.leaves_rank && at(stage + 1).forwards <= microbatch - slots_) {
      return Need{TaskKind::forward, stage + 1, microbatch - slots_, true};
    }
    return {};
  }

  std::optional<Need> missing_for_gradient(int64_t stage, int64_t microbatch) const {
    const Stage& own = at(stage);
    if (own.forwards <= microbatch) return forward(stage, microbatch);
    if (own.has_next && at(stage + 1).gradients <= microbatch) {
      return gradient(stage + 1, microbatch);
    }
    if (own.enters_rank && at(stage - 1).gradients <= microbatch - slots_) {
      return Need{TaskKind::backward_input, stage - 1, microbatch - slots_, true};
    }
    return {};
  }

  std::vector<Stage> stages_;
  int64_t slots_;
};

}  // namespace weft::schedule
