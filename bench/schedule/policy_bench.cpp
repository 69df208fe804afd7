// What a decision costs and how fast steps are simulated and planned, on one core, for 16 ranks of
// 4 chunks with 64 microbatches (12,288 tasks).
#include <benchmark/benchmark.h>

#include <memory>
#include <optional>

#include "weft/schedule/candidate.hpp"
#include "weft/schedule/planner.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace {

using namespace weft::schedule;  // NOLINT(google-build-using-namespace): measures this library

constexpr int64_t kCapUnits = 79;  // memory of the interleaved schedule

CostModel large_model() {
  CostModel model;
  model.num_ranks = 16;
  model.virtual_chunks = 4;
  model.num_microbatches = 64;
  return model;
}

// Counts the calls of another policy's choose.
class CountingPolicy final : public Policy {
 public:
  CountingPolicy(std::unique_ptr<Policy> policy, int64_t& calls)
      : policy_(std::move(policy)), calls_(calls) {}
  Decision choose(const View& view) const override {
    ++calls_;
    return policy_->choose(view);
  }
  void started(const Task& task, double time) override { policy_->started(task, time); }
  void arrived(const Task& task, double time) override { policy_->arrived(task, time); }

 private:
  std::unique_ptr<Policy> policy_;
  int64_t& calls_;
};

void count_tasks(benchmark::State& state, const Graph& graph) {
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * graph.num_tasks());
}

// Time of a whole simulated step; choose_calls is how often a policy was asked, so that their
// quotient bounds the cost of a decision from above.
void simulate_policy(benchmark::State& state, const PolicyFactory& make) {
  const Graph graph = make_graph(large_model(), Mapping::loop, 4, true);
  int64_t calls = 0;
  for (auto _ : state) {
    const Simulation run = simulate(
        graph, [&](int64_t rank) { return std::make_unique<CountingPolicy>(make(rank), calls); },
        {kCapUnits, MicrobatchOrder::in_order});
    benchmark::DoNotOptimize(run.makespan);
  }
  count_tasks(state, graph);
  state.counters["time_per_choose"] = benchmark::Counter(
      static_cast<double>(calls), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void SimulateListPolicy(benchmark::State& state) {
  simulate_policy(state, [](int64_t) {
    return std::make_unique<ListPolicy>(ListPolicyConfig{ListKey::depth_first, 29, nullptr});
  });
}
BENCHMARK(SimulateListPolicy)->Unit(benchmark::kMillisecond);

void SimulatePlanWithFill(benchmark::State& state) {
  const Graph graph = make_graph(large_model(), Mapping::loop, 4, true);
  const auto plan = std::make_shared<TimedPlan>(
      graph, make_static(static_schedule("interleaved-zb-w2"), {16, 4, 64}));
  simulate_policy(state, [&](int64_t rank) {
    return std::make_unique<PlanPolicy>(plan, rank, FillRule{1, 1});
  });
}
BENCHMARK(SimulatePlanWithFill)->Unit(benchmark::kMillisecond);

void SimulateStaticOrder(benchmark::State& state) {
  const Graph graph = make_graph(large_model(), Mapping::loop, 4, true);
  const PipelineSchedule order = make_static(static_schedule("interleaved-zb-w2"), {16, 4, 64});
  for (auto _ : state) benchmark::DoNotOptimize(simulate(graph, order).makespan);
  count_tasks(state, graph);
}
BENCHMARK(SimulateStaticOrder)->Unit(benchmark::kMillisecond);

// A whole planning run under jitter: candidates are judged on four draws.
void PlanStep(benchmark::State& state) {
  PlannerConfig config;
  config.model = large_model();
  config.model.jitter_sigma = 0.3;
  config.cap = kCapUnits;
  size_t candidates = 0;
  for (auto _ : state) candidates = plan_step(config).judgements.size();
  state.counters["candidates"] = static_cast<double>(candidates);
}
BENCHMARK(PlanStep)->Unit(benchmark::kSecond)->Iterations(1);

}  // namespace
