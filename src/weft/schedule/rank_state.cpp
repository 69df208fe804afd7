#include "weft/schedule/rank_state.hpp"

#include <algorithm>
#include <cassert>

#include "weft/base/error.hpp"

namespace weft::schedule {

RankState::RankState(const Graph& graph, int64_t rank, std::optional<int64_t> cap,
                     MicrobatchOrder order)
    : graph_(&graph), rank_(rank), cap_(cap), order_(order) {
  const int64_t least = graph.least_cap(rank);
  check(!cap || *cap >= least, ErrorKind::usage,
        "the memory cap of rank {} is too small for one microbatch (got {}, expected at least {})",
        rank, cap.value_or(0), least);
  const StageMap& stages = graph.stages();
  const auto microbatches = static_cast<size_t>(graph.num_microbatches());
  for (int64_t chunk = 0; chunk < stages.num_chunks; ++chunk) {
    const int64_t s = stages.stage_of(rank, chunk);
    Chunk& fresh = chunks_.emplace_back();
    for (Sequence* sequence : {&fresh.forwards, &fresh.backwards, &fresh.weights}) {
      sequence->started.assign(microbatches, 0);
    }
    fresh.has_input.assign(microbatches, s == 0);
    fresh.has_gradient.assign(microbatches, s == stages.num_stages() - 1);
  }
  need_.assign(microbatches, least);
  held_.assign(microbatches, 0);
  remaining_ = 2 * stages.num_chunks * graph.num_microbatches();
}

const RankState::Sequence& RankState::sequence(TaskKind kind, int64_t chunk) const {
  const Chunk& c = at(chunk);
  return kind == TaskKind::forward           ? c.forwards
         : kind == TaskKind::backward_weight ? c.weights
                                             : c.backwards;
}

int64_t RankState::next(TaskKind kind, int64_t chunk) const {
  const Sequence& s = sequence(kind, chunk);
  if (order_ == MicrobatchOrder::in_order) return s.first_left;
  for (int64_t m = s.first_left; m < graph_->num_microbatches(); ++m) {
    if (has_inputs(kind, chunk, m)) return m;
  }
  return s.first_left;
}

bool RankState::has_started(const Task& task) const {
  return sequence(task.kind, task.chunk).started[static_cast<size_t>(task.microbatch)] != 0;
}

bool RankState::can_start(const Task& task) const {
  if (order_ == MicrobatchOrder::in_order &&
      task.microbatch != sequence(task.kind, task.chunk).first_left) {
    return false;
  }
  return !is_held_up(task.kind, task.chunk) && has_inputs(task.kind, task.chunk, task.microbatch);
}

// False for a task that has started.
bool RankState::has_inputs(TaskKind kind, int64_t chunk, int64_t microbatch) const {
  if (microbatch == graph_->num_microbatches()) return false;
  const Chunk& c = at(chunk);
  const auto m = static_cast<size_t>(microbatch);
  switch (kind) {
    case TaskKind::forward:
      return c.has_input[m] != 0 && c.forwards.started[m] == 0;
    case TaskKind::backward_input:
      return c.forwards.started[m] != 0 && c.has_gradient[m] != 0 && c.backwards.started[m] == 0;
    case TaskKind::backward:  // adds its weight gradient too, so those before it must be added
      return c.forwards.started[m] != 0 && c.has_gradient[m] != 0 && c.backwards.started[m] == 0 &&
             (order_ != MicrobatchOrder::in_order || c.weights.first_left == microbatch);
    case TaskKind::backward_weight:
      return c.backwards.started[m] != 0 && c.weights.started[m] == 0;
  }
  return false;
}

void RankState::start(Sequence& sequence, int64_t microbatch) {
  ++sequence.count;
  sequence.started[static_cast<size_t>(microbatch)] = 1;
  const auto size = static_cast<int64_t>(sequence.started.size());
  while (sequence.first_left < size &&
         sequence.started[static_cast<size_t>(sequence.first_left)] != 0) {
    ++sequence.first_left;
  }
}

void RankState::arrived(TaskKind kind, int64_t chunk, int64_t microbatch) {
  auto& flags = kind == TaskKind::forward ? at(chunk).has_input : at(chunk).has_gradient;
  flags[static_cast<size_t>(microbatch)] = 1;
}

void RankState::hold_up(TaskKind kind, int64_t chunk, bool held_up) {
  (kind == TaskKind::forward ? at(chunk).forward_held_up : at(chunk).backward_held_up) = held_up;
}

void RankState::hand_over(const Task& task) {
  const StageMap& stages = graph_->stages();
  const bool forward = task.kind == TaskKind::forward;
  const int64_t other = stage(task.chunk) + (forward ? 1 : -1);
  if (other < 0 || other == stages.num_stages() || stages.rank_of(other) != rank_) return;
  arrived(task.kind, stages.chunk_of(other), task.microbatch);
}

void RankState::start(const Task& task) {
  assert(can_start(task));
  Chunk& c = at(task.chunk);
  const auto m = static_cast<size_t>(task.microbatch);
  const int64_t charged = charge(task.chunk);
  last_kind_ = task.kind;
  if (task.kind == TaskKind::forward) {
    start(c.forwards, task.microbatch);
    --remaining_;
    need_[m] -= charged;
    held_[m] += charged;
    used_ += charged;
    peak_ = std::max(peak_, used_);
  }
  if (task.kind == TaskKind::backward_input || task.kind == TaskKind::backward) {
    start(c.backwards, task.microbatch);
  }
  if (task.kind == TaskKind::backward_weight || task.kind == TaskKind::backward) {
    start(c.weights, task.microbatch);
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
