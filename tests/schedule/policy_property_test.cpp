// Random instances of every policy (reference/schedules.md 2.4, Theorem 1 and its corollary).
#include <gtest/gtest.h>

#include "reference/commit_log_check.hpp"
#include "schedule/random_instance.hpp"
#include "weft/schedule/bounds.hpp"

namespace weft::schedule {
namespace {

using ::weft::reference::CommitLogCheck;
using ::weft::testing::draw_instance;
using ::weft::testing::Instance;
using ::weft::testing::kFull;
using ::weft::testing::kSmall;
using ::weft::testing::Sizes;

/// Runs one instance; the first thing that is wrong, or nothing.
std::string fault_of(const Instance& instance) {
  const Graph& graph = instance.graph;
  const Simulation run = simulate(graph, instance.policy, instance.limits);
  if (!run.deadlock.empty()) return "deadlock: " + run.deadlock;
  CommitLogCheck check(graph, run.log, instance.limits.order == MicrobatchOrder::in_order);
  if (std::string fault = check.fault(instance.limits.cap); !fault.empty()) return fault;
  for (int64_t rank = 0; rank < graph.stages().num_ranks; ++rank) {
    if (check.peak(rank) != run.peak_charge[static_cast<size_t>(rank)]) return "another peak";
  }
  const double at_most = run.makespan * (1 + 1e-9) + 1e-9;
  const MakespanBounds bounds = makespan_bounds(graph);
  if (bounds.largest() > at_most) {
    return fmt::format("makespan {} below the bound {}", run.makespan, bounds.largest());
  }
  const int64_t cap = instance.limits.cap.value_or(run.max_peak_charge());
  if (memory_bound(graph, cap) > at_most) {
    return fmt::format("makespan {} below the memory bound {}", run.makespan,
                       memory_bound(graph, cap));
  }
  return "";
}

void expect_no_fault(uint64_t first_seed, uint64_t num_instances, const Sizes& sizes) {
  for (uint64_t seed = first_seed; seed < first_seed + num_instances; ++seed) {
    const std::string fault = fault_of(draw_instance(seed, sizes));
    ASSERT_EQ(fault, "") << "seed " << seed;
  }
}

TEST(PolicyProperties, NoDeadlockNoViolationNoMakespanBelowTheBounds) {
  expect_no_fault(1, 10000, kSmall);
}

class PolicyPropertiesSlow : public ::testing::TestWithParam<uint64_t> {};

TEST_P(PolicyPropertiesSlow, NoDeadlockNoViolationNoMakespanBelowTheBounds) {
  constexpr uint64_t kInstances = 25000;
  expect_no_fault(1'000'000 + GetParam() * kInstances, kInstances, kFull);
}
INSTANTIATE_TEST_SUITE_P(Quarters, PolicyPropertiesSlow, ::testing::Range<uint64_t>(0, 4));

TEST(PolicyProperties, RunsAreReproducible) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Instance first = draw_instance(seed, kSmall);
    const Instance second = draw_instance(seed, kSmall);
    EXPECT_EQ(simulate(first.graph, first.policy, first.limits).log,
              simulate(second.graph, second.policy, second.limits).log);
  }
}

}  // namespace
}  // namespace weft::schedule
