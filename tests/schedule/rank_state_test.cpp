#include "weft/schedule/rank_state.hpp"

#include <gtest/gtest.h>

#include "weft/base/error.hpp"

namespace weft::schedule {
namespace {

constexpr TaskKind kF = TaskKind::forward;
constexpr TaskKind kB = TaskKind::backward_input;
constexpr TaskKind kW = TaskKind::backward_weight;
constexpr TaskKind kD = TaskKind::backward;

/// Two ranks in a V of two chunks, three microbatches: rank 0 has stages 0 and 3, rank 1 has 1 and
/// 2, which are neighbours. Stage s is charged 10 + s.
Graph wave() {
  Graph graph({Mapping::wave, 2, 2}, 3, true);
  for (int64_t stage = 0; stage < 4; ++stage) graph.set_charge(stage, 10 + stage);
  return graph;
}

TEST(RankState, KnowsWhatIsReadyAtTheStart) {
  const Graph graph = wave();
  const RankState first(graph, 0, {});
  EXPECT_TRUE(first.is_ready(kF, 0));
  EXPECT_FALSE(first.is_ready(kF, 1));
  EXPECT_FALSE(first.is_ready(kB, 1));  // the gradient of the last stage is there, its F is not
  EXPECT_FALSE(first.last_kind());
  EXPECT_FALSE(first.cap());
  const RankState second(graph, 1, {});
  EXPECT_FALSE(second.is_ready(kF, 0));
  EXPECT_EQ(second.stage(0), 1);
  EXPECT_EQ(second.stage(1), 2);
  EXPECT_EQ(second.charge(1), 12);
}

TEST(RankState, WhatHasNowhereToGoCannotStart) {
  const Graph graph = wave();
  RankState rank(graph, 0, {});
  rank.hold_up(kF, 0, true);
  EXPECT_TRUE(rank.is_held_up(kF, 0));
  EXPECT_FALSE(rank.is_held_up(kD, 0));
  EXPECT_FALSE(rank.is_ready(kF, 0));
  EXPECT_FALSE(rank.can_start({kF, 0, 0}));
  rank.hold_up(kF, 0, false);
  EXPECT_TRUE(rank.can_start({kF, 0, 0}));
  // B and D leave by one buffer, W does not leave at all.
  rank.hold_up(kB, 1, true);
  EXPECT_TRUE(rank.is_held_up(kD, 1));
  EXPECT_FALSE(rank.is_held_up(kW, 1));
}

TEST(RankState, FollowsAMicrobatchThroughAnInnerRank) {
  const Graph graph = wave();
  RankState rank(graph, 1, 100);
  EXPECT_EQ(rank.need(0), 23);
  rank.arrived(kF, 0, 0);
  EXPECT_TRUE(rank.can_start({kF, 0, 0}));
  EXPECT_FALSE(rank.can_start({kF, 0, 1}));
  rank.start({kF, 0, 0});
  EXPECT_TRUE(rank.has_started({kF, 0, 0}));
  EXPECT_EQ(rank.used(), 11);
  EXPECT_EQ(rank.need(0), 12);
  EXPECT_EQ(rank.held(0), 11);
  // Stage 2 is on the same rank: its input needs no message.
  EXPECT_TRUE(rank.is_ready(kF, 1));
  rank.start({kF, 1, 0});
  EXPECT_EQ(rank.used(), 23);
  EXPECT_FALSE(rank.is_ready(kB, 1));
  rank.arrived(kB, 1, 0);
  EXPECT_TRUE(rank.is_ready(kB, 1));
  EXPECT_FALSE(rank.is_ready(kW, 1));
  rank.start({kB, 1, 0});
  EXPECT_TRUE(rank.is_ready(kB, 0));
  EXPECT_TRUE(rank.is_ready(kW, 1));
  EXPECT_EQ(rank.used(), 23);  // B frees nothing
  rank.start({kW, 1, 0});
  EXPECT_EQ(rank.used(), 11);
  EXPECT_EQ(rank.oldest(), 0);
  rank.start({kB, 0, 0});
  rank.start({kW, 0, 0});
  EXPECT_EQ(rank.used(), 0);
  EXPECT_EQ(rank.peak(), 23);
  EXPECT_EQ(rank.held(0), 0);
  EXPECT_EQ(rank.oldest(), 1);
  EXPECT_EQ(rank.last_kind(), kW);
  EXPECT_FALSE(rank.is_done());
}

TEST(RankState, KeepsMicrobatchesInOrder) {
  const Graph graph = wave();
  RankState rank(graph, 1, {});
  rank.arrived(kF, 0, 1);  // overtook message 0
  EXPECT_EQ(rank.next(kF, 0), 0);
  EXPECT_FALSE(rank.is_ready(kF, 0));
  EXPECT_FALSE(rank.can_start({kF, 0, 1}));
  rank.arrived(kF, 0, 0);
  rank.start({kF, 0, 0});
  EXPECT_EQ(rank.next(kF, 0), 1);
  EXPECT_TRUE(rank.is_ready(kF, 0));
}

TEST(RankState, OrTakesThemAsTheyArrive) {
  const Graph graph = wave();
  RankState rank(graph, 1, {}, MicrobatchOrder::as_they_arrive);
  EXPECT_EQ(rank.next(kF, 0), 0);
  rank.arrived(kF, 0, 2);
  EXPECT_EQ(rank.next(kF, 0), 2);
  EXPECT_TRUE(rank.can_start({kF, 0, 2}));
  EXPECT_FALSE(rank.can_start({kF, 0, 0}));
  rank.start({kF, 0, 2});
  EXPECT_FALSE(rank.can_start({kF, 0, 2}));
  EXPECT_EQ(rank.next(kF, 1), 2);  // handed over
  rank.arrived(kF, 0, 0);
  rank.arrived(kF, 0, 1);
  EXPECT_EQ(rank.next(kF, 0), 0);
  rank.start({kF, 0, 0});
  rank.start({kF, 0, 1});
  EXPECT_EQ(rank.next(kF, 0), 3);
  EXPECT_FALSE(rank.is_ready(kF, 0));
}

TEST(RankState, JoinedBackwardsCountAsBoth) {
  Graph graph({Mapping::loop, 1, 1}, 3, false);
  RankState rank(graph, 0, {});
  for (int64_t m = 0; m < 3; ++m) rank.start({kF, 0, m});
  EXPECT_EQ(rank.in_flight(), 3);
  rank.start({kB, 0, 0});
  // D sums weight gradients, so the W before it has to come first.
  EXPECT_EQ(rank.next(kD, 0), 1);
  EXPECT_FALSE(rank.can_start({kD, 0, 1}));
  EXPECT_TRUE(rank.can_start({kB, 0, 1}));
  rank.start({kW, 0, 0});
  EXPECT_TRUE(rank.can_start({kD, 0, 1}));
  rank.start({kD, 0, 1});
  EXPECT_EQ(rank.in_flight(), 1);
  EXPECT_TRUE(rank.has_started({kB, 0, 1}));
  EXPECT_TRUE(rank.has_started({kW, 0, 1}));
  EXPECT_FALSE(rank.is_done());
  rank.start({kD, 0, 2});
  EXPECT_TRUE(rank.is_done());
  EXPECT_EQ(rank.oldest(), 3);
  EXPECT_EQ(rank.used(), 0);
}

TEST(RankState, CapHoldsAtLeastOneMicrobatch) {
  const Graph graph = wave();
  EXPECT_NO_THROW(RankState(graph, 1, 23));
  try {
    const RankState rank(graph, 1, 22);
    FAIL() << "a cap that holds no microbatch was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(std::string(error.what()),
              "the memory cap of rank 1 is too small for one microbatch (got 22, expected at least "
              "23)");
  }
}

}  // namespace
}  // namespace weft::schedule
