#include "weft/schedule/turn_policy.hpp"

#include <array>
#include <utility>

namespace weft::schedule {

namespace {

constexpr std::array<std::pair<TurnScan, std::string_view>, 3> kNames = {
    {{TurnScan::bfc, "bfc"}, {TurnScan::group, "group"}, {TurnScan::dfc, "dfc"}}};

// Chunks in the order in which a microbatch passes them.
int64_t slot_of(const StageMap& stages, const Task& task) {
  return task.kind == TaskKind::forward ? task.chunk : stages.num_chunks - 1 - task.chunk;
}

}  // namespace

std::string_view name(TurnScan scan) {
  for (const auto& [known, text] : kNames) {
    if (known == scan) return text;
  }
  return "";
}

std::optional<TurnScan> turn_scan(std::string_view name) {
  for (const auto& [known, text] : kNames) {
    if (text == name) return known;
  }
  return std::nullopt;
}

int64_t virtual_microbatch(const StageMap& stages, const Task& task) {
  const int64_t group = task.microbatch / stages.num_ranks;
  return (group * stages.num_chunks + slot_of(stages, task)) * stages.num_ranks +
         task.microbatch % stages.num_ranks;
}

std::optional<Task> TurnPolicy::first_ready(const RankState& rank, TaskKind kind) const {
  const StageMap& stages = rank.graph().stages();
  const auto place = [&](const Task& task) {
    switch (scan_) {
      case TurnScan::bfc:
        return slot_of(stages, task) * rank.graph().num_microbatches() + task.microbatch;
      case TurnScan::group:
        return virtual_microbatch(stages, task);
      case TurnScan::dfc:
        return task.microbatch * stages.num_chunks + slot_of(stages, task);
    }
    return int64_t{0};
  };
  std::optional<Task> first;
  for (int64_t chunk = 0; chunk < rank.num_chunks(); ++chunk) {
    if (!rank.is_ready(kind, chunk)) continue;
    const Task task{kind, chunk, rank.next(kind, chunk)};
    if (!first || place(task) < place(*first)) first = task;
  }
  return first;
}

Decision TurnPolicy::choose(const View& view) const {
  const bool forward_first = view.rank.last_kind() == TaskKind::backward;
  const TaskKind preferred = forward_first ? TaskKind::forward : TaskKind::backward;
  const TaskKind other = forward_first ? TaskKind::backward : TaskKind::forward;
  if (const auto task = first_ready(view.rank, preferred)) return Decision::run(*task);
  if (const auto task = first_ready(view.rank, other)) return Decision::run(*task);
  return Decision::wait(view);
}

}  // namespace weft::schedule
