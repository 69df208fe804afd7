#include "weft/schedule/validate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "weft/base/error.hpp"
#include "weft/schedule/rank_order.hpp"
#include "weft/schedule/replay.hpp"

namespace weft::schedule {

namespace {

std::optional<std::string> find_shape_fault(const PipelineSchedule& schedule) {
  const StageMap& stages = schedule.stages;
  if (stages.num_ranks < 1 || stages.num_chunks < 1 || schedule.num_microbatches < 1) {
    return fmt::format(
        "a schedule of {} ranks, {} chunks and {} microbatches (expected at least 1 of each)",
        stages.num_ranks, stages.num_chunks, schedule.num_microbatches);
  }
  if (static_cast<int64_t>(schedule.ranks.size()) != stages.num_ranks) {
    return fmt::format("the schedule has orders for {} ranks, expected {}", schedule.ranks.size(),
                       stages.num_ranks);
  }
  return {};
}

/// The memory that a rank holds after every task of its order.
class MemoryCount {
 public:
  MemoryCount(const PipelineSchedule& schedule, const std::vector<int64_t>& charges, int64_t rank)
      : charge_(static_cast<size_t>(schedule.stages.num_chunks), 1) {
    assert(charges.empty() || static_cast<int64_t>(charges.size()) == schedule.stages.num_stages());
    if (charges.empty()) return;
    for (size_t chunk = 0; chunk < charge_.size(); ++chunk) {
      const int64_t stage = schedule.stages.stage_of(rank, static_cast<int64_t>(chunk));
      charge_[chunk] = charges[static_cast<size_t>(stage)];
    }
  }

  /// Memory held once `task` has started (F) or ended (W, D).
  int64_t after(const Task& task) {
    const int64_t charge = charge_[static_cast<size_t>(task.chunk)];
    if (task.kind == TaskKind::forward) held_ += charge;
    if (task.kind == TaskKind::backward_weight || task.kind == TaskKind::backward) held_ -= charge;
    return held_;
  }

 private:
  std::vector<int64_t> charge_;  ///< [chunk]
  int64_t held_ = 0;
};

std::optional<std::string> find_memory_fault(const PipelineSchedule& schedule,
                                             const ScheduleLimits& limits,
                                             const FaultWords& words) {
  if (limits.caps.empty()) return {};
  assert(limits.caps.size() == schedule.ranks.size());
  for (int64_t rank = 0; rank < schedule.stages.num_ranks; ++rank) {
    const int64_t cap = limits.caps[static_cast<size_t>(rank)];
    MemoryCount memory(schedule, limits.charges, rank);
    for (const Task& task : schedule.ranks[static_cast<size_t>(rank)]) {
      const int64_t held = memory.after(task);
      if (task.kind != TaskKind::forward || held <= cap) continue;
      return fmt::format("{}: {} brings the memory held to {}, over the cap of {}",
                         words.place(rank),
                         words.task(schedule.stages.stage_of(rank, task.chunk), task), held, cap);
    }
  }
  return {};
}

}  // namespace

std::optional<std::string> find_fault(const PipelineSchedule& schedule,
                                      const ScheduleLimits& limits, const FaultWords& words) {
  if (auto fault = find_shape_fault(schedule)) return fault;
  for (int64_t rank = 0; rank < schedule.stages.num_ranks; ++rank) {
    if (auto fault = find_order_fault(schedule, rank, words)) return fault;
  }
  if (auto fault = find_memory_fault(schedule, limits, words)) return fault;
  Replay replay(schedule, limits.slots);
  if (!replay.run()) return replay.cycle(words);
  return {};
}

void validate(const PipelineSchedule& schedule, const ScheduleLimits& limits) {
  const auto fault = find_fault(schedule, limits, rank_words());
  check(!fault, ErrorKind::usage, "{}", fault.value_or(""));
}

int64_t required_slots(const PipelineSchedule& schedule) {
  validate(schedule);
  const auto runs_with = [&schedule](int64_t slots) { return Replay(schedule, slots).run(); };
  if (runs_with(2)) return 2;
  // More slots are never worse, and a slot for every message is as good as no limit.
  int64_t too_few = 2;
  int64_t enough = schedule.num_microbatches;
  while (enough - too_few > 1) {
    const int64_t middle = too_few + (enough - too_few) / 2;
    (runs_with(middle) ? enough : too_few) = middle;
  }
  return enough;
}

std::vector<int64_t> peak_charge(const PipelineSchedule& schedule,
                                 const std::vector<int64_t>& charges) {
  std::vector<int64_t> peaks;
  for (const Schedule& order : schedule.ranks) {
    MemoryCount memory(schedule, charges, static_cast<int64_t>(peaks.size()));
    int64_t peak = 0;
    for (const Task& task : order) peak = std::max(peak, memory.after(task));
    peaks.push_back(peak);
  }
  return peaks;
}

}  // namespace weft::schedule
