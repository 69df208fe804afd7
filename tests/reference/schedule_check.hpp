#pragma once

#include <array>
#include <numeric>
#include <set>
#include <tuple>
#include <vector>

#include "weft/schedule/pipeline_schedule.hpp"

// When a schedule can be run (reference/schedules.md A.1 and rule S of 2.3), found the plain way.

namespace weft::reference {

/// Whether every stage runs every microbatch once, in order: F; B or D; W or D.
inline bool schedule_is_complete(const schedule::PipelineSchedule& schedule) {
  using schedule::TaskKind;
  std::vector<int64_t> all(static_cast<size_t>(schedule.num_microbatches));
  std::iota(all.begin(), all.end(), 0);
  for (const schedule::Schedule& tasks : schedule.ranks) {
    for (int64_t chunk = 0; chunk < schedule.stages.num_chunks; ++chunk) {
      std::array<std::vector<int64_t>, 3> seen;
      for (const schedule::Task& task : tasks) {
        if (task.chunk != chunk) continue;
        const bool joined = task.kind == TaskKind::backward;
        if (task.kind == TaskKind::forward) seen[0].push_back(task.microbatch);
        if (task.kind == TaskKind::backward_input || joined) seen[1].push_back(task.microbatch);
        if (task.kind == TaskKind::backward_weight || joined) seen[2].push_back(task.microbatch);
      }
      for (const auto& microbatches : seen) {
        if (microbatches != all) return false;
      }
    }
  }
  return true;
}

/// Whether the ranks get to the end of their orders with `slots` per channel (0: no limit). Keeps
/// the set of the tasks that have run, so no order of microbatches is assumed.
class ScheduleRun {
 public:
  ScheduleRun(const schedule::PipelineSchedule& schedule, int64_t slots)
      : schedule_(schedule), slots_(slots) {}

  bool ends() {
    std::vector<size_t> next(schedule_.ranks.size(), 0);
    int64_t left = schedule_.num_tasks();
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t rank = 0; rank < next.size(); ++rank) {
        if (next[rank] == schedule_.ranks[rank].size()) continue;
        if (!run(static_cast<int64_t>(rank), schedule_.ranks[rank][next[rank]])) continue;
        ++next[rank];
        --left;
        moved = true;
      }
    }
    return left == 0;
  }

 private:
  using Kind = schedule::TaskKind;

  bool run(int64_t rank, const schedule::Task& task) {
    const int64_t s = schedule_.stages.stage_of(rank, task.chunk);
    const int64_t m = task.microbatch;
    const Kind kind = task.kind == Kind::backward ? Kind::backward_input : task.kind;
    if (kind == Kind::forward && !(has(kind, s - 1, m) && has_slot(kind, s, s + 1, m))) {
      return false;
    }
    if (kind == Kind::backward_input &&
        !(has(Kind::forward, s, m) && has(kind, s + 1, m) && has_slot(kind, s, s - 1, m))) {
      return false;
    }
    if (kind == Kind::backward_weight && !has(Kind::backward_input, s, m)) return false;
    done_.insert({kind, s, m});
    return true;
  }

  bool has(Kind kind, int64_t stage, int64_t microbatch) const {
    return stage < 0 || stage == schedule_.stages.num_stages() || microbatch < 0 ||
           done_.contains({kind, stage, microbatch});
  }

  /// Whether there is room for the result of `from` at its neighbour `to`.
  bool has_slot(Kind kind, int64_t from, int64_t to, int64_t microbatch) const {
    const schedule::StageMap& stages = schedule_.stages;
    const bool sent =
        to >= 0 && to < stages.num_stages() && stages.rank_of(from) != stages.rank_of(to);
    return slots_ == 0 || !sent || has(kind, to, microbatch - slots_);
  }

  const schedule::PipelineSchedule& schedule_;
  int64_t slots_;
  std::set<std::tuple<Kind, int64_t, int64_t>> done_;  ///< kind (B for D), stage, microbatch
};

}  // namespace weft::reference
