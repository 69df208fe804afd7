#include "weft/schedule/rank_state.hpp"

#include <algorithm>
#include <cassert>

#include "weft/base/error.hpp"

namespace weft::schedule {

RankState::RankState(const Graph& graph, int64_t rank, std::optional<int64_t> cap)
    : graph_(&graph), rank_(rank), cap_(cap) {
  const int64_t least = graph.least_cap(rank);
  check(!cap || *cap >= least, ErrorKind::usage,
        "the memory cap of rank {} is too small for one microbatch (got {}, expected at least {})",
        rank, cap.value_or(0), least);
  const StageMap& stages = graph.stages();
  const auto microbatches = static_cast<size_t>(graph.num_microbatches());
  for (int64_t chunk = 0; chunk < stages.num_chunks; ++chunk) {
    const int64_t s = stages.stage_of(rank, chunk);
    Chunk& fresh = chunks_.emplace_back();
    fresh.has_input.assign(microbatches, s == 0);
    fresh.has_gradient.assign(microbatches, s == stages.num_stages() - 1);
  }
  need_.assign(microbatches, least);
  held_.assign(microbatches, 0);
  remaining_ = 2 * stages.num_chunks * graph.num_microbatches();
}

int64_t RankState::next(TaskKind kind, int64_t chunk) const {
  switch (kind) {
    case TaskKind::forward:
      return at(chunk).forwards;
    case TaskKind::backward_input:
    case TaskKind::backward:
      return at(chunk).backwards;
    case TaskKind::backward_weight:
      return at(chunk).weights;
  }
  return 0;
}

bool RankState::is_ready(TaskKind kind, int64_t chunk) const {
  const Chunk& c = at(chunk);
  const int64_t microbatch = next(kind, chunk);
  if (microbatch == graph_->num_microbatches()) return false;
  const auto m = static_cast<size_t>(microbatch);
  switch (kind) {
    case TaskKind::forward:
      return c.has_input[m] != 0;
    case TaskKind::backward_input:
      return microbatch < c.forwards && c.has_gradient[m] != 0;
    case TaskKind::backward:  // adds its weight gradient too, so those before it must be added
      return microbatch < c.forwards && c.has_gradient[m] != 0 && c.weights == microbatch;
    case TaskKind::backward_weight:
      return microbatch < c.backwards;
  }
  return false;
}

void RankState::arrived(TaskKind kind, int64_t chunk, int64_t microbatch) {
  auto& flags = kind == TaskKind::forward ? at(chunk).has_input : at(chunk).has_gradient;
  flags[static_cast<size_t>(microbatch)] = 1;
}

void RankState::hand_over(const Task& task) {
  const StageMap& stages = graph_->stages();
  const bool forward = task.kind == TaskKind::forward;
  const int64_t other = stage(task.chunk) + (forward ? 1 : -1);
  if (other < 0 || other == stages.num_stages() || stages.rank_of(other) != rank_) return;
  arrived(task.kind, stages.chunk_of(other), task.microbatch);
}

void RankState::start(const Task& task) {
  assert(is_next_and_ready(task));
  Chunk& c = at(task.chunk);
  const auto m = static_cast<size_t>(task.microbatch);
  const int64_t charged = charge(task.chunk);
  last_kind_ = task.kind;
  if (task.kind == TaskKind::forward) {
    ++c.forwards;
    --remaining_;
    need_[m] -= charged;
    held_[m] += charged;
    used_ += charged;
    peak_ = std::max(peak_, used_);
  }
  if (task.kind == TaskKind::backward_input || task.kind == TaskKind::backward) ++c.backwards;
  if (task.kind == TaskKind::backward_weight || task.kind == TaskKind::backward) {
    ++c.weights;
    --remaining_;
    held_[m] -= charged;
    used_ -= charged;
    while (oldest_ < graph_->num_microbatches() && need(oldest_) == 0 && held(oldest_) == 0) {
      ++oldest_;
    }
  }
  if (task.kind != TaskKind::backward_weight) hand_over(task);
}

}  // namespace weft::schedule
