#include "weft/schedule/bounds.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "schedule/vector_case.hpp"
#include "weft/schedule/simulator.hpp"

namespace weft::schedule {
namespace {

using ::weft::testing::list_policies;

constexpr double kRounding = 1e-9;

Graph equal_stages(const StageMap& stages, int64_t microbatches, bool split, double forward,
                   double backward_input, double backward_weight, double latency = 0) {
  Graph graph(stages, microbatches, split);
  for (int64_t stage = 0; stage < stages.num_stages(); ++stage) {
    for (int64_t m = 0; m < microbatches; ++m) {
      graph.set_duration(TaskKind::forward, stage, m, forward);
      graph.set_duration(TaskKind::backward_input, stage, m, backward_input);
      graph.set_duration(TaskKind::backward_weight, stage, m, backward_weight);
      graph.set_forward_latency(stage, m, latency);
      graph.set_backward_latency(stage, m, latency);
    }
  }
  return graph;
}

// reference/schedules.md 2.7: m v (f + d) + (p - 1)(f + d) unsplit, m v (f + b + w) + (p - 1) f
// split, when the stages are equal and there are enough microbatches.
TEST(MakespanBounds, ClosedFormsOfEqualStages) {
  for (const int64_t p : {1, 2, 4, 7}) {
    for (const int64_t v : {1, 2, 3}) {
      for (const int64_t m : {p, 2 * p, 3 * p + 1}) {
        const StageMap stages{Mapping::loop, p, v};
        const auto work = static_cast<double>(m * v);
        const auto others = static_cast<double>(p - 1);
        EXPECT_NEAR(makespan_bounds(equal_stages(stages, m, false, 1, 1, 1)).largest(),
                    3 * (work + others), kRounding);
        EXPECT_NEAR(makespan_bounds(equal_stages(stages, m, true, 1, 1, 1)).largest(),
                    3 * work + others, kRounding);
        EXPECT_NEAR(makespan_bounds(equal_stages(stages, m, false, 2, 3, 1)).largest(),
                    6 * (work + others), kRounding);
      }
    }
  }
}

TEST(MakespanBounds, PathOfOneMicrobatch) {
  // Down and up through all stages, with three hops each way.
  const StageMap stages{Mapping::loop, 4, 1};
  const MakespanBounds unsplit = makespan_bounds(equal_stages(stages, 1, false, 1, 2, 3, 0.5));
  EXPECT_NEAR(unsplit.path, 4 * (1 + 2 + 3) + 6 * 0.5, kRounding);
  EXPECT_NEAR(unsplit.machine, unsplit.path, kRounding);
  // W is behind B of the last stage only.
  const MakespanBounds split = makespan_bounds(equal_stages(stages, 1, true, 1, 2, 3, 0.5));
  EXPECT_NEAR(split.path, 4 * (1 + 2) + 3 + 6 * 0.5, kRounding);
  // A wave turns without a message.
  const StageMap wave{Mapping::wave, 4, 2};
  EXPECT_NEAR(makespan_bounds(equal_stages(wave, 1, false, 1, 1, 1, 0.5)).path, 8 * 3 + 2 * 6 * 0.5,
              kRounding);
}

// The last B of rank 1 ends at 4 at the earliest, and W of rank 0 is still to come.
TEST(MakespanBounds, WeightGradientsAreBehindTheirInputGradients) {
  Graph graph = equal_stages({Mapping::loop, 2, 1}, 2, true, 1, 1, 0);
  for (int64_t m = 0; m < 2; ++m) {
    graph.set_duration(TaskKind::forward, 0, m, 0);
    graph.set_duration(TaskKind::backward_input, 0, m, 0);
    graph.set_duration(TaskKind::backward_weight, 0, m, 1);
  }
  EXPECT_NEAR(makespan_bounds(graph).path, 3, kRounding);
  EXPECT_NEAR(makespan_bounds(graph).machine, 5, kRounding);
}

TEST(MakespanBounds, OneRankWorksWithoutABreak) {
  const Graph graph = equal_stages({Mapping::loop, 1, 3}, 5, true, 1, 2, 4);
  EXPECT_NEAR(makespan_bounds(graph).largest(), graph.work(0), kRounding);
}

/// The least makespan of all orders of all ranks: every task that can start next is tried, started
/// as early as it can. Enough, since delaying a start never helps.
class Exhaustive {
 public:
  Exhaustive(const Graph& graph, std::optional<int64_t> cap) : graph_(graph) {
    for (int64_t rank = 0; rank < graph.stages().num_ranks; ++rank) {
      states_.emplace_back(graph, rank, cap);
      free_at_.push_back(0);
    }
    ends_.assign(static_cast<size_t>(3 * graph.stages().num_stages() * graph.num_microbatches()),
                 0);
    search(0);
  }

  double least() const { return least_; }

 private:
  double& end_of(TaskKind kind, int64_t stage, int64_t m) {
    const int64_t row = kind == TaskKind::forward ? 0 : kind == TaskKind::backward_weight ? 2 : 1;
    return ends_[static_cast<size_t>(
        (row * graph_.stages().num_stages() + stage) * graph_.num_microbatches() + m)];
  }

  double ready(const Task& task, int64_t stage) {
    const int64_t m = task.microbatch;
    const TaskKind back = TaskKind::backward_input;
    if (task.kind == TaskKind::backward_weight) return end_of(back, stage, m);
    if (task.kind == TaskKind::forward) {
      return stage == 0
                 ? 0
                 : end_of(TaskKind::forward, stage - 1, m) + graph_.forward_latency(stage, m);
    }
    const double own = end_of(TaskKind::forward, stage, m);
    if (stage + 1 == graph_.stages().num_stages()) return own;
    return std::max(own, end_of(back, stage + 1, m) + graph_.backward_latency(stage, m));
  }

  void search(double makespan) {
    if (makespan >= least_) return;
    if (std::ranges::all_of(states_, [](const RankState& state) { return state.is_done(); })) {
      least_ = makespan;
      return;
    }
    const TaskKind back = graph_.splits_backward() ? TaskKind::backward_input : TaskKind::backward;
    for (int64_t rank = 0; rank < graph_.stages().num_ranks; ++rank) {
      for (int64_t chunk = 0; chunk < graph_.stages().num_chunks; ++chunk) {
        for (const TaskKind kind : {TaskKind::forward, back, TaskKind::backward_weight}) {
          attempt(rank, kind, chunk, makespan);
        }
      }
    }
  }

  void attempt(int64_t rank, TaskKind kind, int64_t chunk, double makespan) {
    RankState& state = states_[static_cast<size_t>(rank)];
    if (!state.is_ready(kind, chunk)) return;
    if (kind == TaskKind::forward && state.cap() &&
        state.used() + state.charge(chunk) > *state.cap()) {
      return;
    }
    const Task task{kind, chunk, state.next(kind, chunk)};
    const int64_t stage = state.stage(chunk);
    double& free_at = free_at_[static_cast<size_t>(rank)];
    const double before = free_at;
    const std::vector<RankState> saved = states_;
    const double end =
        std::max(free_at, ready(task, stage)) + graph_.duration(kind, stage, task.microbatch);
    state.start(task);
    free_at = end;
    end_of(kind, stage, task.microbatch) = end;
    tell_neighbour(stage, task);
    search(std::max(makespan, end));
    states_ = saved;
    free_at = before;
  }

  void tell_neighbour(int64_t stage, const Task& task) {
    const StageMap& stages = graph_.stages();
    if (task.kind == TaskKind::backward_weight) return;
    const bool forward = task.kind == TaskKind::forward;
    const int64_t to = stage + (forward ? 1 : -1);
    if (to < 0 || to == stages.num_stages()) return;
    states_[static_cast<size_t>(stages.rank_of(to))].arrived(task.kind, stages.chunk_of(to),
                                                             task.microbatch);
  }

  const Graph& graph_;
  std::vector<RankState> states_;
  std::vector<double> free_at_;  ///< [rank]
  std::vector<double> ends_;     ///< [F, B or D, W][stage][microbatch]
  double least_ = 1e300;
};

TEST(MakespanBounds, AreBelowTheBestOfAllOrders) {
  std::mt19937_64 random(5);
  int64_t tight = 0;
  int64_t rounds = 0;
  for (const auto& [p, v, m, split] : std::vector<std::tuple<int64_t, int64_t, int64_t, bool>>{
           {2, 1, 2, true}, {2, 1, 3, false}, {2, 2, 1, true}, {3, 1, 1, true}, {1, 1, 3, true}}) {
    for (int draw = 0; draw < 8; ++draw, ++rounds) {
      Graph graph({draw % 2 == 0 ? Mapping::loop : Mapping::wave, p, v}, m, split);
      const auto time = [&random] { return static_cast<double>(random() % 5); };
      for (int64_t stage = 0; stage < p * v; ++stage) {
        graph.set_charge(stage, 1 + static_cast<int64_t>(random() % 3));
        for (int64_t microbatch = 0; microbatch < m; ++microbatch) {
          for (const TaskKind kind :
               {TaskKind::forward, TaskKind::backward_input, TaskKind::backward_weight}) {
            graph.set_duration(kind, stage, microbatch, time());
          }
          graph.set_forward_latency(stage, microbatch, time() / 2);
          graph.set_backward_latency(stage, microbatch, time() / 2);
        }
      }
      std::optional<int64_t> cap;
      if (draw % 3 == 0) {
        cap = 0;
        for (int64_t rank = 0; rank < p; ++rank) cap = std::max(*cap, graph.least_cap(rank));
      }
      const double best = Exhaustive(graph, cap).least();
      const double bound = makespan_bounds(graph).largest();
      EXPECT_LE(bound, best + kRounding);
      tight += bound > best - kRounding ? 1 : 0;
      if (cap) {
        EXPECT_LE(memory_bound(graph, *cap), best + kRounding);
      }
      EXPECT_GE(simulate(graph, list_policies({}), {cap}).makespan, best - kRounding);
    }
  }
  EXPECT_GT(2 * tight, rounds);
}

// reference/schedules.md 2.7, with f = b = w = 1 and equal charges: rank 0 of a loop holds stage
// c p for 2 (p v - c p) + 1.
TEST(MemoryBound, ClosedFormsOfEqualStages) {
  for (const int64_t p : {1, 2, 4, 8}) {
    for (const int64_t v : {1, 2, 4}) {
      const int64_t m = 6;
      int64_t held = 0;
      for (int64_t c = 0; c < v; ++c) held += 2 * (p * v - c * p) + 1;
      const Graph graph = equal_stages({Mapping::loop, p, v}, m, true, 1, 1, 1);
      EXPECT_NEAR(memory_bound(graph, 5), static_cast<double>(m * held) / 5, kRounding);
      // The full-rate minimum: the cap at which the bound is the work, (p (v + 1) + 1) / 3 chunks.
      const double full_rate = static_cast<double>(p * (v + 1) + 1) / 3;
      EXPECT_NEAR(memory_bound(graph, 1) / (3 * static_cast<double>(m * v)), full_rate, kRounding);
    }
  }
}

TEST(MemoryBound, CountsLatenciesChargesAndJoinedBackwards) {
  Graph graph = equal_stages({Mapping::loop, 2, 1}, 1, true, 1, 2, 4, 0.5);
  graph.set_charge(0, 3);
  graph.set_charge(1, 20);
  // Rank 0: two F, two B, one W, two messages. Rank 1: F, B, W.
  EXPECT_NEAR(memory_bound(graph, 1), std::max(3 * (2 + 4 + 4 + 1.0), 20 * 7.0), kRounding);
  graph.set_charge(1, 1);
  EXPECT_NEAR(memory_bound(graph, 3), 11, kRounding);
  // Unsplit, the gradient waits for the W of the stage behind.
  Graph joined = equal_stages({Mapping::loop, 2, 1}, 1, false, 1, 2, 4, 0.5);
  EXPECT_NEAR(memory_bound(joined, 1), 2 + 4 + 8 + 1, kRounding);
}

}  // namespace
}  // namespace weft::schedule
