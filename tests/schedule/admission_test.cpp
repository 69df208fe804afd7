#include "weft/schedule/admission.hpp"

#include <gtest/gtest.h>

#include <random>

namespace weft::schedule {
namespace {

constexpr TaskKind kF = TaskKind::forward;
constexpr TaskKind kB = TaskKind::backward_input;
constexpr TaskKind kW = TaskKind::backward_weight;

/// One rank of a loop with two chunks whose messages come when a test says so.
Graph middle_rank(int64_t first_charge, int64_t second_charge) {
  Graph graph({Mapping::loop, 3, 2}, 4, true);
  graph.set_charge(1, first_charge);
  graph.set_charge(4, second_charge);
  return graph;
}

TEST(Banker, KeepsRoomForTheOldestMicrobatch) {
  const Graph graph = middle_rank(1, 1);
  RankState rank(graph, 1, 3);
  for (int64_t m = 0; m < 4; ++m) rank.arrived(kF, 0, m);
  EXPECT_TRUE(banker_admits(rank, 0));
  rank.start({kF, 0, 0});
  EXPECT_TRUE(banker_admits(rank, 0));  // 1 would be left, which microbatch 0 needs
  rank.start({kF, 0, 1});
  EXPECT_LT(rank.used(), 3);
  EXPECT_FALSE(banker_admits(rank, 0));  // fits, but microbatch 0 could not go on
  EXPECT_TRUE(banker_admits(rank, 1));   // microbatch 0 itself
  rank.arrived(kF, 1, 0);
  rank.start({kF, 1, 0});
  EXPECT_FALSE(banker_admits(rank, 0));
}

TEST(Banker, CountsWhatOlderMicrobatchesWillGiveBack) {
  const Graph graph = middle_rank(1, 1);
  RankState rank(graph, 1, 3);
  for (int64_t m = 0; m < 4; ++m) rank.arrived(kF, 0, m);
  rank.arrived(kF, 1, 0);
  rank.start({kF, 0, 0});
  rank.start({kF, 1, 0});
  // Nothing would be left for chunk 1 of microbatch 1, but microbatch 0 needs nothing more and
  // gives back 2.
  EXPECT_TRUE(banker_admits(rank, 0));
}

TEST(Banker, CountsInTheUnitOfTheCharges) {
  const Graph graph = middle_rank(5, 70);
  const auto admits_second = [&](int64_t cap) {
    RankState rank(graph, 1, cap);
    for (int64_t m = 0; m < 4; ++m) rank.arrived(kF, 0, m);
    rank.start({kF, 0, 0});
    return banker_admits(rank, 0);
  };
  EXPECT_FALSE(admits_second(79));  // 69 would be left, microbatch 0 needs 70
  EXPECT_TRUE(admits_second(80));
}

TEST(Banker, WithoutACapAdmitsEverything) {
  const Graph graph = middle_rank(1, 1);
  RankState rank(graph, 1, {});
  for (int64_t m = 0; m < 4; ++m) {
    rank.arrived(kF, 0, m);
    EXPECT_TRUE(banker_admits(rank, 0));
    rank.start({kF, 0, m});
  }
}

TEST(WipLimit, CountsMicrobatchesBetweenTheirFirstForwardAndItsLastGradient) {
  Graph graph({Mapping::loop, 1, 1}, 4, true);
  RankState rank(graph, 0, {});
  EXPECT_TRUE(wip_admits(rank, 0, 1));
  rank.start({kF, 0, 0});
  EXPECT_FALSE(wip_admits(rank, 0, 1));
  EXPECT_TRUE(wip_admits(rank, 0, 2));
  rank.start({kB, 0, 0});
  EXPECT_FALSE(wip_admits(rank, 0, 1));
  rank.start({kW, 0, 0});
  EXPECT_TRUE(wip_admits(rank, 0, 1));
  // Only stage 0 lets microbatches in.
  const Graph loop = middle_rank(1, 1);
  RankState middle(loop, 1, {});
  for (int64_t m = 0; m < 3; ++m) {
    middle.arrived(kF, 0, m);
    middle.start({kF, 0, m});
  }
  EXPECT_TRUE(wip_admits(middle, 0, 1));
}

/// Lemma 1 of reference/schedules.md 2.4: memory is never overdrawn and every unfinished microbatch
/// can run all its forwards with what is free and what older ones will give back.
bool invariant_holds(const RankState& rank) {
  int64_t available = *rank.cap() - rank.used();
  if (available < 0) return false;
  for (int64_t m = rank.oldest(); m < rank.graph().num_microbatches(); ++m) {
    if (available < rank.need(m)) return false;
    available += rank.held(m);
  }
  return true;
}

// Random tasks, random arrivals, charges in bytes: the invariant holds after every start, and the
// oldest microbatch is never refused (Lemma 2).
TEST(Banker, KeepsItsInvariant) {
  std::mt19937_64 random(9);
  const auto up_to = [&random](int64_t most) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(most)) + 1;
  };
  int64_t refusals = 0;
  for (int round = 0; round < 1000; ++round) {
    const int64_t chunks = up_to(4);
    const bool split = random() % 2 == 0;
    Graph graph({Mapping::loop, 3, chunks}, up_to(8), split);
    for (int64_t stage = 0; stage < 3 * chunks; ++stage) {
      graph.set_charge(stage, up_to(1 << 20) * 4096);
    }
    const auto order =
        random() % 4 == 0 ? MicrobatchOrder::as_they_arrive : MicrobatchOrder::in_order;
    const int64_t index = up_to(3) - 1;
    const int64_t least = graph.least_cap(index);
    RankState rank(graph, index, least + (random() % 3 == 0 ? 0 : up_to(2 * least)), order);
    ASSERT_TRUE(invariant_holds(rank));
    while (!rank.is_done()) {
      // A message from elsewhere, whatever came before it.
      const auto kind = random() % 2 == 0 ? kF : kB;
      rank.arrived(kind, up_to(chunks) - 1, up_to(graph.num_microbatches()) - 1);
      const TaskKind gradient = split ? kB : TaskKind::backward;
      std::vector<Task> startable;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        for (const TaskKind of : {kF, gradient, kW}) {
          if (!rank.is_ready(of, chunk)) continue;
          const Task task{of, chunk, rank.next(of, chunk)};
          if (of != kF || banker_admits(rank, chunk)) {
            startable.push_back(task);
          } else {
            ++refusals;
            ASSERT_NE(task.microbatch, rank.oldest());
          }
        }
      }
      if (startable.empty()) continue;
      rank.start(startable[random() % startable.size()]);
      ASSERT_TRUE(invariant_holds(rank)) << round;
    }
    EXPECT_LE(rank.peak(), *rank.cap());
  }
  EXPECT_GT(refusals, 1000);
}

}  // namespace
}  // namespace weft::schedule
