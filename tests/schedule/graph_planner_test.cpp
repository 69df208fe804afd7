#include "weft/schedule/graph_planner.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "weft/base/error.hpp"
#include "weft/schedule/bounds.hpp"
#include "weft/schedule/simulator.hpp"
#include "weft/schedule/static_schedule.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::schedule {
namespace {

/// Forwards of `forward`, backwards of 1 and 1; stage 1 is twice as slow.
Graph graph_of(const StageMap& stages, int64_t num_microbatches, bool splits, double forward = 1) {
  Graph graph(stages, num_microbatches, splits);
  for (int64_t stage = 0; stage < stages.num_stages(); ++stage) {
    const double factor = stage == 1 ? 2 : 1;
    for (int64_t m = 0; m < num_microbatches; ++m) {
      graph.set_duration(TaskKind::forward, stage, m, forward * factor);
      graph.set_duration(TaskKind::backward_input, stage, m, factor);
      graph.set_duration(TaskKind::backward_weight, stage, m, factor);
    }
  }
  return graph;
}

TEST(GraphPlanner, OrdersRunAndAreNoWorseThanAnyStaticSchedule) {
  for (const auto mapping : {Mapping::loop, Mapping::wave}) {
    for (const int64_t chunks : {1, 2}) {
      const Graph graph = graph_of({mapping, 4, chunks}, 6, true);
      const GraphPlan plan = plan_graph(graph, std::nullopt);
      validate(plan.order);
      EXPECT_EQ(plan.makespan, simulate(graph, plan.order).makespan) << plan.name;
      EXPECT_GE(plan.makespan, makespan_bounds(graph).largest() - 1e-9);
      for (const StaticSchedule& named : static_schedules()) {
        if (named.num_chunks(chunks) != chunks || named.mapping != mapping) continue;
        try {
          const auto order =
              make_static(named, {.num_ranks = 4, .virtual_chunks = chunks, .num_microbatches = 6});
          EXPECT_LE(plan.makespan, simulate(graph, order).makespan * (1 + 1e-9)) << named.name;
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::usage);  // six microbatches are not a multiple of four
        }
      }
    }
  }
}

TEST(GraphPlanner, KeepsTheCapAndSaysWhenNothingFits) {
  const Graph graph = graph_of({Mapping::loop, 4, 2}, 8, true);
  for (const int64_t cap : {2, 5, 9}) {
    const GraphPlan plan = plan_graph(graph, cap);
    EXPECT_LE(std::ranges::max(peak_charge(plan.order)), cap) << plan.name;
    EXPECT_LE(plan.peak_charge, cap);
  }
  EXPECT_THROW(plan_graph(graph, 1), Error);
}

TEST(GraphPlanner, LeavesBackwardsWholeWhereTheGraphDoes) {
  const GraphPlan plan = plan_graph(graph_of({Mapping::loop, 3, 1}, 5, false), 3);
  EXPECT_FALSE(std::ranges::any_of(plan.order.ranks, splits_backward));
}

TEST(GraphPlanner, IsAPureFunction) {
  const Graph graph = graph_of({Mapping::loop, 4, 2}, 7, true, 1.5);
  EXPECT_EQ(plan_graph(graph, 9).order, plan_graph(graph, 9).order);
}

}  // namespace
}  // namespace weft::schedule
