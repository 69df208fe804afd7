#include "weft/schedule/wait_chain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace weft::schedule {

namespace {

struct Waiting {
  int64_t rank;
  Task task;
  std::string why;  // it waits for the next one of the chain

  bool same_task(const Waiting& other) const { return rank == other.rank && task == other.task; }
};

std::string text_of(const Waiting& waiting) {
  return fmt::format("{} on rank {}", to_string(waiting.task), waiting.rank);
}

// Follows `next` from `first` until a task comes again and prints the circle.
template <typename Next>
std::string circle(Waiting first, const Next& next) {
  std::vector<Waiting> chain{std::move(first)};
  while (true) {
    Waiting& last = chain.back();
    std::optional<Waiting> blocker = next(last);
    if (!blocker) return text_of(last) + " could run, but its policy waits";
    const auto seen = std::ranges::find_if(
        chain, [&](const Waiting& other) { return other.same_task(*blocker); });
    if (seen == chain.end()) {
      chain.push_back(std::move(*blocker));
      continue;
    }
    std::string text;
    for (auto at = seen; at != chain.end(); ++at) {
      text += fmt::format("{} {} ", at == seen ? text_of(*at) : "which", at->why);
      const Waiting& target = at + 1 == chain.end() ? *seen : *(at + 1);
      text += text_of(target) + (at + 1 == chain.end() ? "" : ", ");
    }
    return text;
  }
}

// What `waiting` waits for, and why; nothing when it could run.
std::optional<Waiting> blocker(std::span<const RankState* const> ranks, Waiting& waiting) {
  const RankState& rank = *ranks[static_cast<size_t>(waiting.rank)];
  const StageMap& stages = rank.graph().stages();
  const Task& task = waiting.task;
  const auto wait = [&](std::string why, int64_t on_rank, TaskKind kind, int64_t chunk,
                        int64_t microbatch) {
    waiting.why = std::move(why);
    return Waiting{on_rank, {kind, chunk, microbatch}, {}};
  };
  const int64_t due = rank.next(task.kind, task.chunk);
  if (task.microbatch > due) {
    return wait("waits for its predecessor", waiting.rank, task.kind, task.chunk, due);
  }
  const TaskKind gradient =
      rank.graph().splits_backward() ? TaskKind::backward_input : TaskKind::backward;
  if (!rank.is_ready(task.kind, task.chunk)) {
    const int64_t stage = rank.stage(task.chunk);
    if (task.kind == TaskKind::backward_weight) {
      return wait("needs", waiting.rank, TaskKind::backward_input, task.chunk, task.microbatch);
    }
    const bool has_forward = task.microbatch < rank.next(TaskKind::forward, task.chunk);
    if (task.kind != TaskKind::forward && !has_forward) {
      return wait("needs", waiting.rank, TaskKind::forward, task.chunk, task.microbatch);
    }
    const bool forward = task.kind == TaskKind::forward;
    const int64_t from = stage + (forward ? -1 : 1);
    return wait("needs", stages.rank_of(from), forward ? TaskKind::forward : gradient,
                stages.chunk_of(from), task.microbatch);
  }
  if (task.kind != TaskKind::forward || rank.used() == 0) return std::nullopt;
  // Ready and not started: memory. It is freed by the weight gradient of what is held.
  const TaskKind frees =
      rank.graph().splits_backward() ? TaskKind::backward_weight : TaskKind::backward;
  for (int64_t chunk = 0; chunk < rank.num_chunks(); ++chunk) {
    const int64_t held = rank.next(frees, chunk);
    if (held < rank.next(TaskKind::forward, chunk)) {
      return wait("waits for memory held until", waiting.rank, frees, chunk, held);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string wait_chain(std::span<const RankState* const> ranks) {
  for (const RankState* rank : ranks) {
    for (int64_t chunk = 0; chunk < rank->num_chunks(); ++chunk) {
      const int64_t due = rank->next(TaskKind::forward, chunk);
      const bool forwards_left = due < rank->graph().num_microbatches();
      const TaskKind frees =
          rank->graph().splits_backward() ? TaskKind::backward_weight : TaskKind::backward;
      const int64_t freed = rank->next(frees, chunk);
      if (!forwards_left && freed == rank->graph().num_microbatches()) continue;
      const Task task =
          forwards_left ? Task{TaskKind::forward, chunk, due} : Task{frees, chunk, freed};
      return circle({rank->rank(), task, {}},
                    [&](Waiting& waiting) { return blocker(ranks, waiting); });
    }
  }
  return {};
}

}  // namespace weft::schedule
