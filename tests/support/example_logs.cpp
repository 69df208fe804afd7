#include "support/example_logs.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>

namespace weft::schedule::testing {

namespace {

/// Ends of finished tasks by "is backward", stage and microbatch.
using Ends = std::map<std::tuple<bool, int64_t, int64_t>, double>;

double duration(TaskKind kind, const ExampleTimes& times) {
  switch (kind) {
    case TaskKind::forward:
      return times.forward;
    case TaskKind::backward_input:
      return times.backward_input;
    case TaskKind::backward_weight:
      return times.backward_weight;
    case TaskKind::backward:
      return times.backward_input + times.backward_weight;
  }
  return 0;
}

/// When everything that the task of `rank` needs from other tasks is there; negative: not yet.
double arrival(const StageMap& stages, int64_t rank, const Task& task, const Ends& ends,
               double latency) {
  const int64_t stage = stages.stage_of(rank, task.chunk);
  const bool is_forward = task.kind == TaskKind::forward;
  if (is_forward && stage == 0) return 0;
  const bool is_last = stage + 1 == stages.num_stages();
  std::tuple<bool, int64_t, int64_t> source(!is_forward, stage, task.microbatch);
  if (is_forward) std::get<1>(source) = stage - 1;
  if (task.kind == TaskKind::backward_input || task.kind == TaskKind::backward) {
    source = {!is_last, is_last ? stage : stage + 1, task.microbatch};
  }
  const auto found = ends.find(source);
  if (found == ends.end()) return -1;
  const bool crosses = stages.rank_of(std::get<1>(source)) != rank;
  return found->second + (crosses ? latency : 0);
}

}  // namespace

CommitLog run_plan(const PipelineSchedule& plan, const ExampleTimes& times) {
  CommitLog log{plan.stages, plan.num_microbatches, "units", {}};
  log.ranks.resize(plan.ranks.size());
  Ends ends;
  int64_t left = plan.num_tasks();
  for (int64_t before = left + 1; left < before;) {
    before = left;
    for (size_t r = 0; r < plan.ranks.size(); ++r) {
      auto& done = log.ranks[r];
      while (done.size() < plan.ranks[r].size()) {
        const Task& task = plan.ranks[r][done.size()];
        const auto rank = static_cast<int64_t>(r);
        const double arrived = arrival(plan.stages, rank, task, ends, times.latency);
        if (arrived < 0) break;
        const double start = std::max(arrived, done.empty() ? 0.0 : done.back().end);
        const double end = start + duration(task.kind, times);
        done.push_back({task, arrived, start, end});
        --left;
        if (task.kind == TaskKind::backward_weight) continue;
        ends[{task.kind != TaskKind::forward, plan.stages.stage_of(rank, task.chunk),
              task.microbatch}] = end;
      }
    }
  }
  if (left != 0) throw std::logic_error("the example deadlocks");
  return log;
}

CommitLog one_f_one_b(int64_t num_ranks, int64_t num_microbatches, const ExampleTimes& times) {
  PipelineSchedule plan{{Mapping::loop, num_ranks, 1}, num_microbatches, {}};
  for (int64_t rank = 0; rank < num_ranks; ++rank) {
    Schedule& order = plan.ranks.emplace_back();
    const int64_t warm_up = std::min(num_ranks - rank - 1, num_microbatches);
    for (int64_t i = 0; i < num_microbatches + warm_up; ++i) {
      if (i < num_microbatches) order.push_back({TaskKind::forward, 0, i});
      if (i >= warm_up) order.push_back({TaskKind::backward, 0, i - warm_up});
    }
  }
  return run_plan(plan, times);
}

CommitLog split_wave(int64_t num_ranks, int64_t num_microbatches, const ExampleTimes& times) {
  PipelineSchedule plan{{Mapping::wave, num_ranks, 2}, num_microbatches, {}};
  Schedule order;
  for (const int64_t chunk : {0, 1}) {
    for (int64_t m = 0; m < num_microbatches; ++m) order.push_back({TaskKind::forward, chunk, m});
  }
  for (const int64_t chunk : {1, 0}) {
    for (int64_t m = 0; m < num_microbatches; ++m) {
      order.push_back({TaskKind::backward_input, chunk, m});
      order.push_back({TaskKind::backward_weight, chunk, m});
    }
  }
  plan.ranks.assign(static_cast<size_t>(num_ranks), order);
  return run_plan(plan, times);
}

CommitLog breadth_first(int64_t num_ranks, int64_t num_chunks, int64_t num_microbatches) {
  PipelineSchedule plan{{Mapping::loop, num_ranks, num_chunks}, num_microbatches, {}};
  Schedule order;
  for (int64_t chunk = 0; chunk < num_chunks; ++chunk) {
    for (int64_t m = 0; m < num_microbatches; ++m) order.push_back({TaskKind::forward, chunk, m});
  }
  for (int64_t chunk = num_chunks - 1; chunk >= 0; --chunk) {
    for (int64_t m = 0; m < num_microbatches; ++m) order.push_back({TaskKind::backward, chunk, m});
  }
  plan.ranks.assign(static_cast<size_t>(num_ranks), order);
  return run_plan(plan);
}

}  // namespace weft::schedule::testing
