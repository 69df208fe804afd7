#include "weft/schedule/turn_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "schedule/vector_case.hpp"
#include "support/vectors.hpp"

// MegatronDPP's turn rule against its reference simulation and its log
// (reference/megatron_dpp.md 1.1, 1.2, 1.9, 3.6).

namespace weft::schedule {
namespace {

using nlohmann::json;
using ::weft::testing::load_vector;

struct Costs {
  double forward = 1;
  double backward = 2;
  double latency = 0;
};

Graph equal_stages(const StageMap& stages, int64_t num_microbatches, const Costs& costs) {
  Graph graph(stages, num_microbatches, false);
  for (int64_t stage = 0; stage < stages.num_stages(); ++stage) {
    for (int64_t m = 0; m < num_microbatches; ++m) {
      graph.set_duration(TaskKind::forward, stage, m, costs.forward);
      graph.set_duration(TaskKind::backward_input, stage, m, costs.backward);
      graph.set_forward_latency(stage, m, costs.latency);
      graph.set_backward_latency(stage, m, costs.latency);
    }
  }
  return graph;
}

Simulation run_turns(const Graph& graph, TurnScan scan) {
  return simulate(graph, [scan](int64_t) { return std::make_unique<TurnPolicy>(scan); });
}

/// [["F", 0], ["B", 3], ...]: the tasks of a rank under MegatronDPP's numbers.
json numbered_order(const Simulation& run, int64_t rank) {
  json order = json::array();
  for (const CommitEntry& entry : run.log.ranks[static_cast<size_t>(rank)]) {
    order.push_back({entry.task.kind == TaskKind::forward ? "F" : "B",
                     virtual_microbatch(run.log.stages, entry.task)});
  }
  return order;
}

/// The tasks of one kind by their numbers.
std::vector<Task> tasks_by_number(const StageMap& stages, int64_t num_microbatches, TaskKind kind) {
  std::vector<Task> tasks(static_cast<size_t>(stages.num_chunks * num_microbatches));
  for (int64_t chunk = 0; chunk < stages.num_chunks; ++chunk) {
    for (int64_t m = 0; m < num_microbatches; ++m) {
      const Task task{kind, chunk, m};
      tasks[static_cast<size_t>(virtual_microbatch(stages, task))] = task;
    }
  }
  return tasks;
}

/// [[chunk, microbatch], ...] by number.
json map_of(const StageMap& stages, int64_t num_microbatches, TaskKind kind) {
  json map = json::array();
  for (const Task& task : tasks_by_number(stages, num_microbatches, kind)) {
    map.push_back({task.chunk, task.microbatch});
  }
  return map;
}

/// The numbers in the order in which one rank without neighbours runs its forwards: the scan list.
json scan_list(const StageMap& stages, int64_t num_microbatches) {
  std::vector<Task> tasks = tasks_by_number(stages, num_microbatches, TaskKind::forward);
  std::ranges::sort(tasks);  // chunk by chunk
  json list = json::array();
  for (const Task& task : tasks) list.push_back(virtual_microbatch(stages, task));
  return list;
}

/// The forward that each backward of a list belongs to.
json duals(const StageMap& stages, int64_t num_microbatches, const json& list) {
  const std::vector<Task> backwards = tasks_by_number(stages, num_microbatches, TaskKind::backward);
  json dual = json::array();
  for (const json& number : list) {
    Task task = backwards[number.get<size_t>()];
    task.kind = TaskKind::forward;
    dual.push_back(virtual_microbatch(stages, task));
  }
  return dual;
}

StageMap stages_of(const json& shape, const char* ranks, const char* chunks) {
  return {Mapping::loop, shape.at(ranks), shape.at(chunks)};
}

int64_t peak_in_flight(const Simulation& run, int64_t rank) {
  int64_t in_flight = 0;
  int64_t peak = 0;
  for (const CommitEntry& entry : run.log.ranks[static_cast<size_t>(rank)]) {
    in_flight += entry.task.kind == TaskKind::forward ? 1 : -1;
    peak = std::max(peak, in_flight);
  }
  return peak;
}

TEST(TurnPolicy, NumbersAndScanListsAreTheOriginals) {
  for (const json& shape : load_vector("policy_vectors")) {
    const StageMap stages = stages_of(shape, "P", "C");
    const int64_t m = shape.at("M");
    EXPECT_EQ(map_of(stages, m, TaskKind::forward), shape.at("forward_map"));
    EXPECT_EQ(map_of(stages, m, TaskKind::backward), shape.at("backward_map"));
    EXPECT_EQ(scan_list(stages, m), shape.at("index_list"));
    EXPECT_EQ(duals(stages, m, shape.at("index_list")), shape.at("dual"));
  }
  const json lists = load_vector("parallel_and_schedules").at("dpp_index_lists");
  EXPECT_EQ(lists.size(), 2U);
  for (const json& shape : lists) {
    const StageMap stages = stages_of(shape, "pp", "chunks");
    const int64_t m = shape.at("num_microbatches");
    EXPECT_EQ(scan_list(stages, m), shape.at("index_list"));
    EXPECT_EQ(duals(stages, m, shape.at("index_list")), shape.at("dual_index_list"));
  }
}

TEST(TurnPolicy, SimulatedOrdersAreTheReferences) {
  int64_t runs = 0;
  for (const json& shape : load_vector("policy_vectors")) {
    const StageMap stages = stages_of(shape, "P", "C");
    for (const json& want : shape.at("sims")) {
      const std::string scan = want.at("order");
      const std::string where =
          fmt::format("P {} C {} M {} {} latency {}", stages.num_ranks, stages.num_chunks,
                      shape.at("M").get<int64_t>(), scan, want.at("latency").get<double>());
      const Graph graph =
          equal_stages(stages, shape.at("M"), {want.at("tf"), want.at("tb"), want.at("latency")});
      const Simulation run = run_turns(graph, *turn_scan(scan));
      EXPECT_EQ(run.deadlock, "") << where;
      EXPECT_NEAR(run.makespan, want.at("makespan").get<double>(), 1e-9) << where;
      for (int64_t rank = 0; rank < stages.num_ranks; ++rank) {
        const auto i = static_cast<size_t>(rank);
        EXPECT_EQ(numbered_order(run, rank), want.at("per_stage")[i]) << where << " rank " << rank;
        EXPECT_EQ(peak_in_flight(run, rank), want.at("peak_inflight")[i]) << where;
        EXPECT_EQ(run.peak_charge[i], want.at("peak_inflight")[i]) << where;
        // All stages are equal, so the mean over the ranks is each rank's bubble.
        EXPECT_NEAR(run.bubble, want.at("bubble")[i].get<double>(), 1e-9) << where;
      }
      ++runs;
    }
  }
  EXPECT_GE(runs, 12);
}

TEST(TurnPolicy, LastStageWithoutLatency) {
  const json orders = load_vector("parallel_and_schedules").at("dpp_last_stage_zero_latency_order");
  EXPECT_EQ(orders.size(), 4U);
  for (const json& shape : orders) {
    const StageMap stages = stages_of(shape, "pp", "chunks");
    const Graph graph = equal_stages(stages, shape.at("num_microbatches"), {});
    json order = json::array();
    for (const json& op : numbered_order(run_turns(graph, TurnScan::bfc), stages.num_ranks - 1)) {
      order.push_back(op[0].get<std::string>() + std::to_string(op[1].get<int64_t>()));
    }
    EXPECT_EQ(order, shape.at("order"));
  }
  for (const json& shape : load_vector("policy_vectors")) {
    const StageMap stages = stages_of(shape, "P", "C");
    const Graph graph = equal_stages(stages, shape.at("M"), {});
    EXPECT_EQ(numbered_order(run_turns(graph, TurnScan::bfc), stages.num_ranks - 1),
              shape.at("nominal_last"));
  }
}

TEST(TurnPolicy, GivesTheOrderOfTheSeedsFirstIteration) {
  const json trace = load_vector("seed_trace");
  const json& config = trace.at("config");
  const StageMap stages = stages_of(config, "pipeline_parallel", "model_chunks");
  const json& iteration = trace.at("iterations").at("1");
  for (const double ratio : {1.0, 2.0, 3.0}) {
    for (const double latency : {0.0, 0.25, 0.5, 1.0, 2.0}) {
      const Graph graph = equal_stages(stages, config.at("microbatches"), {1, ratio, latency});
      const json order =
          numbered_order(run_turns(graph, TurnScan::bfc), config.at("stage_of_logged_ranks"));
      EXPECT_EQ(order.size(), 64U);
      // Both ranks of the tensor-parallel pair of the last stage.
      for (const char* rank : {"6", "7"}) {
        EXPECT_EQ(order, iteration.at(rank)) << ratio << ' ' << latency;
      }
    }
  }
}

TEST(TurnPolicy, NamesOfScans) {
  for (const TurnScan scan : {TurnScan::bfc, TurnScan::group, TurnScan::dfc}) {
    EXPECT_EQ(turn_scan(name(scan)), scan);
  }
  EXPECT_FALSE(turn_scan("deep"));
}

}  // namespace
}  // namespace weft::schedule
