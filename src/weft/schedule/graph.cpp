#include "weft/schedule/graph.hpp"

#include <cassert>

#include "weft/base/error.hpp"

namespace weft::schedule {

Graph::Graph(StageMap stages, int64_t num_microbatches, bool splits_backward)
    : stages_(stages), num_microbatches_(num_microbatches), splits_backward_(splits_backward) {
  check(stages.num_ranks > 0 && stages.num_chunks > 0 && num_microbatches > 0, ErrorKind::usage,
        "a pipeline of {} ranks with {} chunks and {} microbatches (expected at least 1 of each)",
        stages.num_ranks, stages.num_chunks, num_microbatches);
  const auto cells = static_cast<size_t>(stages.num_stages() * num_microbatches);
  for (auto* times :
       {&forward_, &backward_input_, &backward_weight_, &forward_latency_, &backward_latency_}) {
    times->assign(cells, 0);
  }
  charge_.assign(static_cast<size_t>(stages.num_stages()), 1);
}

int64_t Graph::num_tasks() const {
  return stages_.num_stages() * num_microbatches_ * (splits_backward_ ? 3 : 2);
}

double Graph::duration(TaskKind kind, int64_t stage, int64_t microbatch) const {
  const size_t cell = at(stage, microbatch);
  switch (kind) {
    case TaskKind::forward:
      return forward_[cell];
    case TaskKind::backward_input:
      return backward_input_[cell];
    case TaskKind::backward_weight:
      return backward_weight_[cell];
    case TaskKind::backward:
      return backward_input_[cell] + backward_weight_[cell];
  }
  return 0;
}

void Graph::set_duration(TaskKind kind, int64_t stage, int64_t microbatch, double duration) {
  assert(kind != TaskKind::backward);
  auto& times = kind == TaskKind::forward          ? forward_
                : kind == TaskKind::backward_input ? backward_input_
                                                   : backward_weight_;
  times[at(stage, microbatch)] = duration;
}

void Graph::set_forward_latency(int64_t stage, int64_t microbatch, double latency) {
  if (stage == 0 || stages_.rank_of(stage) == stages_.rank_of(stage - 1)) return;
  forward_latency_[at(stage, microbatch)] = latency;
}

void Graph::set_backward_latency(int64_t stage, int64_t microbatch, double latency) {
  if (stage + 1 == stages_.num_stages()) return;
  if (stages_.rank_of(stage) == stages_.rank_of(stage + 1)) return;
  backward_latency_[at(stage, microbatch)] = latency;
}

void Graph::set_charge(int64_t stage, int64_t charge) {
  charge_[static_cast<size_t>(stage)] = charge;
}

int64_t Graph::least_cap(int64_t rank) const {
  int64_t sum = 0;
  for (int64_t chunk = 0; chunk < stages_.num_chunks; ++chunk) {
    sum += charge(stages_.stage_of(rank, chunk));
  }
  return sum;
}

double Graph::work(int64_t rank) const {
  double sum = 0;
  for (int64_t chunk = 0; chunk < stages_.num_chunks; ++chunk) {
    const int64_t stage = stages_.stage_of(rank, chunk);
    for (int64_t m = 0; m < num_microbatches_; ++m) {
      sum += duration(TaskKind::forward, stage, m) + duration(TaskKind::backward, stage, m);
    }
  }
  return sum;
}

}  // namespace weft::schedule
