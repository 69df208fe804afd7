#include "weft/schedule/plan_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "reference/commit_log_check.hpp"
#include "schedule/random_schedule.hpp"
#include "schedule/vector_case.hpp"
#include "weft/base/error.hpp"

namespace weft::schedule {
namespace {

using ::weft::reference::CommitLogCheck;
using ::weft::testing::configuration;
using ::weft::testing::graph_of;
using ::weft::testing::in_scenario;
using ::weft::testing::ScheduleDraw;

constexpr double kRounding = 1e-9;
constexpr TaskKind kF = TaskKind::forward;
constexpr TaskKind kB = TaskKind::backward_input;
constexpr TaskKind kW = TaskKind::backward_weight;

PolicyFactory plan_policies(const std::shared_ptr<const TimedPlan>& plan,
                            std::optional<FillRule> rule) {
  return [plan, rule](int64_t rank) { return std::make_unique<PlanPolicy>(plan, rank, rule); };
}

/// When every task of a rank starts.
std::map<Task, double> starts(const std::vector<CommitEntry>& entries) {
  std::map<Task, double> starts;
  for (const CommitEntry& entry : entries) starts[entry.task] = entry.start;
  return starts;
}

/// Tasks that start later than in the plan.
int64_t num_later(const TimedPlan& plan, const Simulation& run) {
  int64_t later = 0;
  for (int64_t rank = 0; rank < plan.stages().num_ranks; ++rank) {
    const auto actual = starts(run.log.ranks[static_cast<size_t>(rank)]);
    for (const auto& [task, start] : starts(plan.rank(rank))) {
      later += actual.at(task) > start + kRounding * std::max(1.0, start) ? 1 : 0;
    }
  }
  return later;
}

/// What all runs of one configuration add up to.
struct Theorem4 {
  int64_t runs = 0;
  int64_t violations = 0;  ///< tasks later than planned
  int64_t earlier = 0;     ///< runs that end before their plan

  void run(const StaticSchedule& schedule, const CostModel& model) {
    const Graph graph = graph_of(schedule, model);
    const PipelineSchedule order = testing::make_static(schedule, model);
    const auto plan = std::make_shared<TimedPlan>(graph, order);
    const Simulation strict = simulate(graph, order);
    const int64_t peak = strict.max_peak_charge();
    const int64_t chunk = graph.charge(0);
    for (const int64_t cap : std::set<int64_t>{peak, peak + chunk, peak + 4 * chunk, 2 * peak}) {
      const Simulation filled = simulate(graph, plan_policies(plan, FillRule{}), {cap});
      ASSERT_EQ(filled.deadlock, "") << schedule.name;
      ASSERT_EQ(CommitLogCheck(graph, filled.log).fault(cap), "") << schedule.name;
      ++runs;
      violations += num_later(*plan, filled);
      earlier += filled.makespan < plan->makespan() - kRounding ? 1 : 0;
    }
    // Without a fill rule the policy is the plan.
    const Simulation followed = simulate(graph, plan_policies(plan, {}), {peak});
    EXPECT_EQ(followed.log.plan(), order) << schedule.name;
    EXPECT_EQ(num_later(*plan, followed), 0) << schedule.name;
    EXPECT_NEAR(followed.makespan, strict.makespan, kRounding * strict.makespan) << schedule.name;
    EXPECT_EQ(followed.peak_charge, strict.peak_charge) << schedule.name;
  }
};

Theorem4 run_configuration(const char* name) {
  Theorem4 total;
  for (const char* scenario : {"uniform", "slow_rank", "latency"}) {
    const CostModel model = in_scenario(configuration(name), scenario);
    for (const StaticSchedule& schedule : static_schedules()) total.run(schedule, model);
  }
  return total;
}

// reference/schedules.md 2.5, Theorem 4: alpha 0, exact estimates, no perturbation.
class PlanPolicyNeverLater : public ::testing::TestWithParam<const char*> {};
using PlanPolicyNeverLaterSlow = PlanPolicyNeverLater;

TEST_P(PlanPolicyNeverLater, ThanItsPlan) {
  const Theorem4 total = run_configuration(GetParam());
  EXPECT_EQ(total.violations, 0);
  EXPECT_GE(total.runs, 12 * 3 * 3);
  EXPECT_GT(total.earlier, 0);
}
TEST_P(PlanPolicyNeverLaterSlow, ThanItsPlan) {
  const Theorem4 total = run_configuration(GetParam());
  EXPECT_EQ(total.violations, 0);
  EXPECT_GT(total.earlier, 0);
}
INSTANTIATE_TEST_SUITE_P(Configurations, PlanPolicyNeverLater,
                         ::testing::Values("PP4_VPP4_M8", "PP8_VPP1_M16", "PP8_VPP2_M32"));
INSTANTIATE_TEST_SUITE_P(Configurations, PlanPolicyNeverLaterSlow,
                         ::testing::Values("PP16_VPP4_M64"));

// The same for random orders, times, latencies and charges.
TEST(PlanPolicy, NeverLaterThanARandomPlan) {
  std::mt19937_64 random(4);
  const auto up_to = [&random](uint64_t most) { return static_cast<int64_t>(random() % most) + 1; };
  int64_t earlier = 0;
  for (int round = 0; round < 1000; ++round) {
    const StageMap stages{random() % 2 == 0 ? Mapping::loop : Mapping::wave, up_to(6), up_to(3)};
    Graph graph(stages, up_to(10), true);
    std::vector<int64_t> charges;
    for (int64_t stage = 0; stage < stages.num_stages(); ++stage) {
      charges.push_back(up_to(5));
      graph.set_charge(stage, charges.back());
      for (int64_t m = 0; m < graph.num_microbatches(); ++m) {
        for (const TaskKind kind : {kF, kB, kW}) {
          graph.set_duration(kind, stage, m, static_cast<double>(random() % 100) / 32);
        }
        graph.set_forward_latency(stage, m, static_cast<double>(random() % 64) / 32);
        graph.set_backward_latency(stage, m, static_cast<double>(random() % 64) / 32);
      }
    }
    const PipelineSchedule order = ScheduleDraw(stages, graph.num_microbatches(), random).run();
    const auto plan = std::make_shared<TimedPlan>(graph, order);
    const int64_t peak = simulate(graph, order).max_peak_charge();
    const int64_t cap = peak + static_cast<int64_t>(random() % 3) * up_to(10);
    const Simulation filled = simulate(graph, plan_policies(plan, FillRule{}), {cap});
    ASSERT_EQ(filled.deadlock, "");
    ASSERT_EQ(CommitLogCheck(graph, filled.log).fault(cap), "") << round;
    ASSERT_EQ(num_later(*plan, filled), 0) << round;
    earlier += filled.makespan < plan->makespan() - kRounding ? 1 : 0;
  }
  EXPECT_GT(earlier, 300);
}

/// Two ranks; rank 1 plans F0 B0 W0 F1 B1 W1 and waits for F1 of rank 0 after W0.
class LateMessage : public ::testing::Test {
 protected:
  LateMessage() : planned_({Mapping::loop, 2, 1}, 2, true) {
    for (int64_t stage = 0; stage < 2; ++stage) {
      for (int64_t m = 0; m < 2; ++m) {
        for (const TaskKind kind : {kF, kB, kW}) planned_.set_duration(kind, stage, m, 1);
      }
    }
    order_ = {planned_.stages(),
              2,
              {{{kF, 0, 0}, {kF, 0, 1}, {kB, 0, 0}, {kW, 0, 0}, {kB, 0, 1}, {kW, 0, 1}},
               {{kF, 0, 0}, {kB, 0, 0}, {kF, 0, 1}, {kW, 0, 0}, {kB, 0, 1}, {kW, 0, 1}}}};
  }

  /// The order of rank 1 when the second forward message takes `latency` more than planned.
  std::string order_with(double latency, std::optional<FillRule> rule,
                         std::optional<int64_t> cap = {}) const {
    Graph actual = planned_;
    actual.set_forward_latency(1, 1, latency);
    const auto plan = std::make_shared<TimedPlan>(planned_, order_);
    const Simulation run = simulate(actual, plan_policies(plan, rule), {cap});
    EXPECT_EQ(run.deadlock, "");
    std::string text;
    for (const CommitEntry& entry : run.log.ranks[1]) {
      text += fmt::format("{}{} ", letter(entry.task.kind), entry.task.microbatch);
    }
    return text;
  }

  Graph planned_;
  PipelineSchedule order_;
};

TEST_F(LateMessage, IsWaitedForByAStrictPlan) {
  EXPECT_EQ(order_with(0, {}), "F0 B0 F1 W0 B1 W1 ");
  EXPECT_EQ(order_with(5, {}), "F0 B0 F1 W0 B1 W1 ");
}

TEST_F(LateMessage, IsFilledOnceItIsLate) {
  EXPECT_EQ(order_with(0, FillRule{}), "F0 B0 F1 W0 B1 W1 ");
  // F1 was planned to be ready at 2 and rank 1 asks at 3: late, so W0 runs though alpha is 0.
  EXPECT_EQ(order_with(5, FillRule{}), "F0 B0 W0 F1 B1 W1 ");
  // A window of one entry sees the head only.
  EXPECT_EQ(order_with(5, FillRule{.window = 1}), "F0 B0 F1 W0 B1 W1 ");
}

TEST_F(LateMessage, IsBetOnByAlpha) {
  // Planned and real: F1 arrives at 3.5, half a unit after rank 1 becomes idle.
  planned_.set_forward_latency(1, 1, 1.5);
  const auto order_at = [&](double alpha) { return order_with(1.5, FillRule{alpha, 0}); };
  EXPECT_EQ(order_at(0), "F0 B0 F1 W0 B1 W1 ");     // W0 would end at 4
  EXPECT_EQ(order_at(0.49), "F0 B0 F1 W0 B1 W1 ");  // at 3.51, less its share
  EXPECT_EQ(order_at(0.5), "F0 B0 W0 F1 B1 W1 ");   // at 3.5
  EXPECT_EQ(order_at(1), "F0 B0 W0 F1 B1 W1 ");
  // The share of W is not that of F and B.
  EXPECT_EQ(order_with(1.5, FillRule{0, 1}), "F0 B0 F1 W0 B1 W1 ");
}

TEST_F(LateMessage, LatenessOfTheLastMessageIsExpectedOfTheNext) {
  // Message 0 comes 2 late; message 1 is therefore expected at 2 + 2 and W0 fits before.
  Graph actual = planned_;
  actual.set_forward_latency(1, 0, 2);
  actual.set_forward_latency(1, 1, 5);
  const auto plan = std::make_shared<TimedPlan>(planned_, order_);
  const Simulation run = simulate(actual, plan_policies(plan, FillRule{}));
  const std::vector<CommitEntry>& rank = run.log.ranks[1];
  EXPECT_EQ(rank[0].start, 3);  // F0
  EXPECT_EQ(rank[2].task, (Task{kW, 0, 0}));
  EXPECT_EQ(rank[2].start, 5);  // right after B0
}

// A fill may take memory only if the rest of the plan still fits behind it, in order.
TEST(PlanPolicy, FillKeepsRoomForTheRestOfThePlan) {
  // One rank cannot wait, so two: rank 0 waits for B0 of rank 1 with F1 and F2 in sight.
  Graph graph({Mapping::loop, 2, 1}, 3, true);
  for (int64_t stage = 0; stage < 2; ++stage) {
    for (int64_t m = 0; m < 3; ++m) {
      for (const TaskKind kind : {kF, kB, kW}) graph.set_duration(kind, stage, m, 1);
    }
  }
  const Schedule one_by_one = {{kF, 0, 0}, {kB, 0, 0}, {kW, 0, 0}, {kF, 0, 1}, {kB, 0, 1},
                               {kW, 0, 1}, {kF, 0, 2}, {kB, 0, 2}, {kW, 0, 2}};
  const PipelineSchedule order{graph.stages(), 3, {one_by_one, one_by_one}};
  const auto plan = std::make_shared<TimedPlan>(graph, order);
  for (const int64_t cap : {1, 2, 3}) {
    const Simulation run = simulate(graph, plan_policies(plan, FillRule{}), {cap});
    EXPECT_EQ(run.deadlock, "");
    EXPECT_EQ(run.peak_charge[0], cap);
    EXPECT_EQ(num_later(*plan, run), 0);
  }
}

TEST(TimedPlan, KeepsOrdersAndTimes) {
  const CostModel model = in_scenario(configuration("PP4_VPP4_M8"), "latency");
  const StaticSchedule& schedule = static_schedule("interleaved-zb-w2");
  const Graph graph = graph_of(schedule, model);
  const PipelineSchedule order = testing::make_static(schedule, model);
  const TimedPlan plan(graph, order);
  EXPECT_EQ(plan.stages(), order.stages);
  EXPECT_EQ(plan.num_microbatches(), 8);
  EXPECT_NEAR(plan.makespan(), 106.5, kRounding);
  for (int64_t rank = 0; rank < 4; ++rank) {
    Schedule tasks;
    for (const CommitEntry& entry : plan.rank(rank)) tasks.push_back(entry.task);
    EXPECT_EQ(tasks, order.ranks[static_cast<size_t>(rank)]);
  }
}

TEST(TimedPlan, RefusesAnOrderThatCannotFinish) {
  Graph graph({Mapping::loop, 1, 1}, 1, true);
  const PipelineSchedule order{graph.stages(), 1, {{{kB, 0, 0}, {kF, 0, 0}, {kW, 0, 0}}}};
  try {
    const TimedPlan plan(graph, order);
    FAIL() << "an order that cannot finish was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find("the plan cannot finish"), std::string::npos);
  }
}

}  // namespace
}  // namespace weft::schedule
