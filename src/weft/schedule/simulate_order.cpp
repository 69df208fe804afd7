#include "weft/schedule/simulator.hpp"

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::schedule {

namespace {

constexpr double kNotYet = -1;

// A static order, rank by rank as far as each can go.
class OrderRun {
 public:
  OrderRun(const Graph& graph, const PipelineSchedule& schedule)
      : graph_(graph),
        schedule_(schedule),
        stages_(graph.stages()),
        result_(Simulation::of(graph)) {
    check(schedule.stages == stages_ && schedule.num_microbatches == graph.num_microbatches() &&
              static_cast<int64_t>(schedule.ranks.size()) == stages_.num_ranks,
          ErrorKind::internal, "the schedule and the graph have different shapes");
    const auto cells = static_cast<size_t>(stages_.num_stages() * graph.num_microbatches());
    forward_end_.assign(cells, kNotYet);
    gradient_end_.assign(cells, kNotYet);
    next_.assign(schedule.ranks.size(), 0);
    used_.assign(schedule.ranks.size(), 0);
    free_at_.assign(schedule.ranks.size(), 0);
    result_.peak_charge.assign(schedule.ranks.size(), 0);
  }

  Simulation run() {
    for (size_t rank = 0; rank < next_.size(); ++rank) {
      result_.log.ranks[rank].reserve(schedule_.ranks[rank].size());
    }
    bool moved = true;
    while (moved) {
      moved = false;
      for (size_t rank = 0; rank < next_.size(); ++rank) {
        while (next_[rank] < schedule_.ranks[rank].size() && step(rank)) moved = true;
      }
    }
    result_.summarise(graph_);
    for (size_t rank = 0; rank < next_.size(); ++rank) {
      if (next_[rank] < schedule_.ranks[rank].size()) {
        result_.deadlock = find_fault(schedule_, {}, rank_words()).value_or("");
        break;
      }
    }
    return std::move(result_);
  }

 private:
  size_t cell(int64_t stage, int64_t microbatch) const {
    return static_cast<size_t>(stage * graph_.num_microbatches() + microbatch);
  }

  // When the inputs of a task are there; kNotYet when one has not been made.
  double inputs_at(const Task& task, int64_t stage) const {
    const int64_t m = task.microbatch;
    if (task.kind == TaskKind::backward_weight) return gradient_end_[cell(stage, m)];
    if (task.kind == TaskKind::forward) {
      if (stage == 0) return 0;
      const double made = forward_end_[cell(stage - 1, m)];
      return made == kNotYet ? kNotYet : made + graph_.forward_latency(stage, m);
    }
    const double own = forward_end_[cell(stage, m)];
    if (own == kNotYet || stage + 1 == stages_.num_stages()) return own;
    const double made = gradient_end_[cell(stage + 1, m)];
    if (made == kNotYet) return kNotYet;
    return std::max(own, made + graph_.backward_latency(stage, m));
  }

  bool step(size_t rank) {
    const Task& task = schedule_.ranks[rank][next_[rank]];
    const int64_t stage = stages_.stage_of(static_cast<int64_t>(rank), task.chunk);
    const double ready = inputs_at(task, stage);
    if (ready == kNotYet) return false;
    const double start = std::max(free_at_[rank], ready);
    const double end = start + graph_.duration(task.kind, stage, task.microbatch);
    if (task.kind == TaskKind::forward) {
      forward_end_[cell(stage, task.microbatch)] = end;
      used_[rank] += graph_.charge(stage);
      result_.peak_charge[rank] = std::max(result_.peak_charge[rank], used_[rank]);
    } else {
      if (task.kind != TaskKind::backward_weight) gradient_end_[cell(stage, task.microbatch)] = end;
      if (task.kind != TaskKind::backward_input) used_[rank] -= graph_.charge(stage);
    }
    free_at_[rank] = end;
    result_.log.ranks[rank].push_back({task, ready, start, end});
    ++next_[rank];
    return true;
  }

  const Graph& graph_;
  const PipelineSchedule& schedule_;
  const StageMap& stages_;
  std::vector<double> forward_end_;   // [stage][microbatch]
  std::vector<double> gradient_end_;  // [stage][microbatch], of B or D
  std::vector<size_t> next_;          // [rank]
  std::vector<int64_t> used_;         // [rank]
  std::vector<double> free_at_;       // [rank]
  Simulation result_;
};

}  // namespace

Simulation simulate(const Graph& graph, const PipelineSchedule& schedule) {
  return OrderRun(graph, schedule).run();
}

}  // namespace weft::schedule
