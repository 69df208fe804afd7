#include "weft/schedule/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace weft::schedule {

Replay::Replay(const PipelineSchedule& schedule, int64_t slots)
    : schedule_(schedule),
      progress_(schedule.stages, slots),
      rank_of_(static_cast<size_t>(schedule.stages.num_stages())),
      next_(schedule.ranks.size(), 0),
      is_awake_(schedule.ranks.size(), false) {
  for (size_t stage = 0; stage < rank_of_.size(); ++stage) {
    rank_of_[stage] = schedule.stages.rank_of(static_cast<int64_t>(stage));
  }
}

bool Replay::run() {
  for (int64_t rank = schedule_.stages.num_ranks - 1; rank >= 0; --rank) wake(rank);
  while (!awake_.empty()) {
    const int64_t rank = awake_.back();
    awake_.pop_back();
    is_awake_[static_cast<size_t>(rank)] = false;
    advance(rank);
  }
  for (int64_t rank = 0; rank < schedule_.stages.num_ranks; ++rank) {
    if (!ended(rank)) return false;
  }
  return true;
}

void Replay::advance(int64_t rank) {
  for (size_t& next = next_[static_cast<size_t>(rank)]; !ended(rank); ++next) {
    const Task& task = head(rank);
    const int64_t stage = schedule_.stages.stage_of(rank, task.chunk);
    if (progress_.missing(stage, task)) return;
    progress_.finish(stage, task.kind);
    if (task.kind == TaskKind::backward_weight) continue;
    if (stage > 0) wake(rank_of(stage - 1));
    if (stage + 1 < schedule_.stages.num_stages()) wake(rank_of(stage + 1));
  }
}

void Replay::wake(int64_t rank) {
  if (is_awake_[static_cast<size_t>(rank)]) return;
  is_awake_[static_cast<size_t>(rank)] = true;
  awake_.push_back(rank);
}

std::vector<Replay::Wait> Replay::find_cycle() const {
  // Every rank that has not ended waits for one that has not ended, so following the waits leads
  // into a cycle.
  constexpr size_t kUnseen = SIZE_MAX;
  std::vector<size_t> place(next_.size(), kUnseen);  // [rank] in `waits`
  std::vector<Wait> waits;
  int64_t rank = 0;
  while (ended(rank)) ++rank;
  while (place[static_cast<size_t>(rank)] == kUnseen) {
    place[static_cast<size_t>(rank)] = waits.size();
    const int64_t stage = schedule_.stages.stage_of(rank, head(rank).chunk);
    const Need need = *progress_.missing(stage, head(rank));
    waits.push_back({rank, need});
    rank = rank_of(need.stage);
  }
  const auto first = static_cast<std::ptrdiff_t>(place[static_cast<size_t>(rank)]);
  waits.erase(waits.begin(), waits.begin() + first);
  return waits;
}

Task Replay::needed_task(const Need& need) const {
  const int64_t chunk = schedule_.stages.chunk_of(need.stage);
  const Schedule& tasks = order(rank_of(need.stage));
  return *std::ranges::find_if(tasks, [&](const Task& task) {
    return task.chunk == chunk && task.microbatch == need.microbatch &&
           (task.kind == need.kind ||
            (need.kind == TaskKind::backward_input && task.kind == TaskKind::backward));
  });
}

std::string Replay::cycle(const FaultWords& words) const {
  constexpr size_t kMaxShown = 8;
  const std::vector<Wait> waits = find_cycle();
  const auto text = [&](int64_t rank, const Task& task) {
    return words.task(schedule_.stages.stage_of(rank, task.chunk), task);
  };
  const int64_t start = waits[0].rank;
  std::string sentence =
      fmt::format("cycle: {} on {}", text(start, head(start)), words.place(start));
  for (size_t i = 0; i < std::min(waits.size(), kMaxShown); ++i) {
    const Need& need = waits[i].need;
    const int64_t rank = rank_of(need.stage);
    const Task task = needed_task(need);
    fmt::format_to(std::back_inserter(sentence), "{} waits for {}{} on {}", i == 0 ? "" : ", which",
                   need.frees_slot ? "the slot freed by " : "", text(rank, task),
                   words.place(rank));
    if (task == head(rank)) continue;
    fmt::format_to(std::back_inserter(sentence), ", which comes after {}", text(rank, head(rank)));
  }
  if (waits.size() > kMaxShown) {
    fmt::format_to(std::back_inserter(sentence), ", and so on through {} tasks back to {}",
                   waits.size(), text(start, head(start)));
  }
  return sentence;
}

}  // namespace weft::schedule
