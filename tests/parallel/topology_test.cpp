#include "weft/parallel/topology.hpp"

#include <gtest/gtest.h>

#include <random>

#include "parallel/refusal.hpp"
#include "weft/base/error.hpp"

namespace weft::parallel {
namespace {

using testing::only_message;
using testing::Refusal;

// The run of the seed's log: tp 2, pp 4, so that 6 and 7 are the last stage.
TEST(Topology, NumbersRanksAsTheSeedRunDoes) {
  const Topology topology({.world_size = 8, .tp = 2, .pp = 4});
  EXPECT_EQ(topology.world_size(), 8);
  EXPECT_EQ(topology.dp(), 1);
  EXPECT_EQ(topology.coordinates(0), Coordinates{});
  EXPECT_EQ(topology.coordinates(5), (Coordinates{.tp = 1, .pp = 2}));
  EXPECT_EQ(topology.coordinates(7), (Coordinates{.tp = 1, .pp = 3}));
  EXPECT_EQ(topology.rank_of({.tp = 1, .pp = 2}), 5);
}

TEST(Topology, PutsReplicasOutermostWhenAsked) {
  const TopologySizes sizes{.world_size = 8, .tp = 2, .pp = 2, .order = kReplicasOutermost};
  const Topology topology(sizes);
  EXPECT_EQ(topology.coordinates(2), (Coordinates{.pp = 1}));
  EXPECT_EQ(topology.coordinates(4), (Coordinates{.dp = 1}));
  EXPECT_EQ(order_text(topology.order()), "tp-cp-ep-pp-dp");
}

TEST(Topology, WithoutAWorldSizeThereIsOneReplica) {
  const Topology topology({.tp = 2, .cp = 3, .pp = 4});
  EXPECT_EQ(topology.world_size(), 24);
  EXPECT_EQ(topology.dp(), 1);
  EXPECT_EQ(Topology().world_size(), 1);
}

TEST(Topology, ExpertsSplitTheSameRanksInTheirOwnWay) {
  const Topology topology({.world_size = 16, .tp = 2, .cp = 2, .pp = 2, .ep = 4, .expert_tp = 1});
  EXPECT_EQ(topology.dp(), 2);
  EXPECT_EQ(topology.ep(), 4);
  EXPECT_EQ(topology.expert_tp(), 1);
  EXPECT_EQ(topology.expert_dp(), 2);
  EXPECT_EQ(topology.expert().coordinates(7), (Coordinates{.ep = 3, .dp = 1}));
  EXPECT_EQ(topology.coordinates(7), (Coordinates{.tp = 1, .cp = 1, .dp = 1}));
}

TEST(Topology, RefusesRanksAndPlacesThatItDoesNotHave) {
  const Topology topology({.world_size = 8, .tp = 2, .pp = 2});
  EXPECT_THROW(topology.coordinates(-1), Error);
  EXPECT_THROW(topology.coordinates(8), Error);
  EXPECT_THROW(topology.rank_of({.tp = 2}), Error);
  EXPECT_THROW(topology.rank_of({.dp = -1}), Error);
  EXPECT_THROW(topology.rank_of({.ep = 1}), Error);
}

// Random worlds: places and ranks are inverse, and the sizes multiply to the world size.
TEST(Topology, EveryRankHasItsOwnPlace) {
  std::mt19937 random(1);
  const auto size = [&random] { return static_cast<int64_t>(random() % 4 + 1); };
  for (int trial = 0; trial < 300; ++trial) {
    TopologySizes sizes{.tp = size(), .cp = size(), .pp = size()};
    sizes.world_size = sizes.tp * sizes.cp * sizes.pp * size();
    sizes.order = random() % 2 == 0 ? kDefaultOrder : kReplicasOutermost;
    // An expert grid of the same pipelines: ep takes the ranks of tp and cp.
    if (random() % 2 == 0) {
      sizes.expert_tp = 1;
      sizes.ep = sizes.tp * sizes.cp;
    } else if (sizes.cp == 1) {
      sizes.expert_tp = sizes.tp;
    }
    const bool same_strides = sizes.ep * sizes.expert_tp.value_or(sizes.tp) == sizes.tp * sizes.cp;
    if (sizes.order == kReplicasOutermost && !same_strides && sizes.pp > 1) continue;
    const Topology topology(sizes);
    EXPECT_EQ(topology.tp() * topology.cp() * topology.dp() * topology.pp(), *sizes.world_size);
    EXPECT_EQ(topology.expert_tp() * topology.ep() * topology.expert_dp() * topology.pp(),
              *sizes.world_size);
    for (int64_t rank = 0; rank < topology.world_size(); ++rank) {
      EXPECT_EQ(topology.rank_of(topology.coordinates(rank)), rank);
      EXPECT_EQ(topology.expert().rank_of(topology.expert().coordinates(rank)), rank);
      EXPECT_EQ(topology.expert().coordinates(rank).pp, topology.coordinates(rank).pp);
    }
  }
}

TEST(WrongTopologies, EachPrintsItsEquation) {
  const std::vector<Refusal<TopologySizes>> cases = {
      {{.world_size = 10, .tp = 2, .pp = 4},
       "world size 10 is not divisible by tp 2 x pp 4 x cp 1 = 8 (10 / 8 = 1.25)"},
      {{.world_size = 4, .tp = 2, .pp = 4},
       "world size 4 is not divisible by tp 2 x pp 4 x cp 1 = 8 (4 / 8 = 0.5)"},
      {{.world_size = 10, .tp = 3},
       "world size 10 is not divisible by tp 3 x pp 1 x cp 1 = 3 (10 / 3 = 3.3333...)"},
      {{.world_size = 1, .pp = 2},
       "world size 1 is not divisible by tp 1 x pp 2 x cp 1 = 2 (1 / 2 = 0.5)"},
      {{.world_size = 6, .cp = 4},
       "world size 6 is not divisible by tp 1 x pp 1 x cp 4 = 4 (6 / 4 = 1.5)"},
      {{.world_size = 7, .tp = 2, .cp = 2, .pp = 2},
       "world size 7 is not divisible by tp 2 x pp 2 x cp 2 = 8 (7 / 8 = 0.875)"},
      {{.world_size = 15, .tp = 4, .cp = 2, .pp = 2},
       "world size 15 is not divisible by tp 4 x pp 2 x cp 2 = 16 (15 / 16 = 0.9375)"},
      {{.world_size = 1000, .tp = 8, .pp = 12},
       "world size 1000 is not divisible by tp 8 x pp 12 x cp 1 = 96 (1000 / 96 = 10.4166...)"},
      {{.world_size = 1'000'000, .tp = 1'000'000, .cp = 1'000'000, .pp = 1'000'000},
       "world size 1000000 is not divisible by tp 1000000 x pp 1000000 x cp 1000000 = "
       "1000000000000000000 (1000000 / 1000000000000000000 = 0.0000...)"},
      {{.world_size = 3, .tp = 2},
       "world size 3 is not divisible by tp 2 x pp 1 x cp 1 = 2 (3 / 2 = 1.5)"},
      {{.world_size = 33, .tp = 8, .pp = 4},
       "world size 33 is not divisible by tp 8 x pp 4 x cp 1 = 32 (33 / 32 = 1.0312...)"},
      {{.world_size = 9, .cp = 2, .pp = 3},
       "world size 9 is not divisible by tp 1 x pp 3 x cp 2 = 6 (9 / 6 = 1.5)"},
      {{.world_size = 12, .tp = 2, .cp = 2, .pp = 2},
       "world size 12 is not divisible by tp 2 x pp 2 x cp 2 = 8 (12 / 8 = 1.5)"},
      {{.world_size = 999'999, .tp = 2},
       "world size 999999 is not divisible by tp 2 x pp 1 x cp 1 = 2 (999999 / 2 = 499999.5)"},
      {{.world_size = 10, .tp = 2, .pp = 4, .order = kReplicasOutermost},
       "world size 10 is not divisible by tp 2 x pp 4 x cp 1 = 8 (10 / 8 = 1.25)"},
      {{.world_size = 8, .ep = 3},
       "world size 8 is not divisible by expert tp 1 x ep 3 x pp 1 = 3 (8 / 3 = 2.6666...)"},
      {{.world_size = 8, .tp = 2, .pp = 2, .ep = 4},
       "world size 8 is not divisible by expert tp 2 x ep 4 x pp 2 = 16 (8 / 16 = 0.5)"},
      {{.world_size = 8, .tp = 2, .expert_tp = 3},
       "world size 8 is not divisible by expert tp 3 x ep 1 x pp 1 = 3 (8 / 3 = 2.6666...)"},
      {{.world_size = 24, .tp = 2, .pp = 2, .ep = 4, .expert_tp = 4},
       "world size 24 is not divisible by expert tp 4 x ep 4 x pp 2 = 32 (24 / 32 = 0.75)"},
      {{.world_size = 12, .pp = 3, .ep = 8, .expert_tp = 1},
       "world size 12 is not divisible by expert tp 1 x ep 8 x pp 3 = 24 (12 / 24 = 0.5)"},
      {{.world_size = 5, .tp = 2},
       "world size 5 is not divisible by tp 2 x pp 1 x cp 1 = 2 (5 / 2 = 2.5)"},
      {{.world_size = 14, .pp = 4},
       "world size 14 is not divisible by tp 1 x pp 4 x cp 1 = 4 (14 / 4 = 3.5)"},
      {{.world_size = 20, .tp = 8},
       "world size 20 is not divisible by tp 8 x pp 1 x cp 1 = 8 (20 / 8 = 2.5)"},
      {{.world_size = 18, .tp = 4},
       "world size 18 is not divisible by tp 4 x pp 1 x cp 1 = 4 (18 / 4 = 4.5)"},
      {{.world_size = 6, .ep = 4},
       "world size 6 is not divisible by expert tp 1 x ep 4 x pp 1 = 4 (6 / 4 = 1.5)"},
      {{.world_size = 4, .ep = 8},
       "world size 4 is not divisible by expert tp 1 x ep 8 x pp 1 = 8 (4 / 8 = 0.5)"},
      {{.tp = 2, .ep = 2},
       "world size 2 is not divisible by expert tp 2 x ep 2 x pp 1 = 4 (2 / 4 = 0.5)"},
      {{.world_size = 16, .tp = 2, .pp = 2, .ep = 2, .order = kReplicasOutermost},
       "rank order tp-cp-ep-pp-dp puts pipeline neighbours 2 ranks apart on the dense grid (tp 2, "
       "cp 1, dp 4) but 4 on the expert grid (tp 2, ep 2, dp 2)"},
      {{.world_size = 8, .cp = 2, .pp = 2, .order = kReplicasOutermost},
       "rank order tp-cp-ep-pp-dp puts pipeline neighbours 2 ranks apart on the dense grid (tp 1, "
       "cp 2, dp 2) but 1 on the expert grid (tp 1, ep 1, dp 4)"},
      {{.tp = 0}, "--tensor-model-parallel-size is out of range (got 0, expected at least 1)"},
      {{.cp = -1}, "--context-parallel-size is out of range (got -1, expected at least 1)"},
      {{.pp = 0}, "--pipeline-model-parallel-size is out of range (got 0, expected at least 1)"},
      {{.ep = 0}, "--expert-model-parallel-size is out of range (got 0, expected at least 1)"},
      {{.expert_tp = 0},
       "--expert-tensor-parallel-size is out of range (got 0, expected at least 1)"},
      {{.world_size = 0}, "--world-size is out of range (got 0, expected at least 1)"},
      {{.pp = 1'000'001},
       "--pipeline-model-parallel-size is out of range (got 1000001, expected at most 1000000)"},
      {{.world_size = -8}, "--world-size is out of range (got -8, expected at least 1)"},
      {{.world_size = 2'000'000},
       "--world-size is out of range (got 2000000, expected at most 1000000)"},
      {{.tp = 1000, .cp = 1, .pp = 2000},
       "the world is too large: tp 1000 x pp 2000 x cp 1 = 2000000 (expected at most 1000000)"},
  };
  for (const auto& [sizes, message] : cases) {
    EXPECT_EQ(only_message(sizes.validate()), message);
    try {
      const Topology topology(sizes);
      ADD_FAILURE() << "accepted: " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(error.what(), message);
      EXPECT_NE(error.hint(), "") << message;
    }
  }
}

TEST(WrongTopologies, AllProblemsAreReportedAtOnce) {
  const TopologySizes ranges{.world_size = 0, .tp = 0, .cp = 0};
  EXPECT_EQ(ranges.validate().size(), 3u);
  const TopologySizes products{.world_size = 10, .tp = 4, .ep = 3};
  ASSERT_EQ(products.validate().size(), 2u);
  try {
    const Topology topology(products);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(
        error.what(),
        "2 problems with the topology\n"
        "  world size 10 is not divisible by tp 4 x pp 1 x cp 1 = 4 (10 / 4 = 2.5); try "
        "--world-size 12, or another --tensor-model-parallel-size, "
        "--pipeline-model-parallel-size or --context-parallel-size\n"
        "  world size 10 is not divisible by expert tp 4 x ep 3 x pp 1 = 12 (10 / 12 = 0.8333...); "
        "try --world-size 12, or another --expert-tensor-parallel-size or "
        "--expert-model-parallel-size");
  }
}

TEST(WrongTopologies, TheHintNamesWorldsThatWork) {
  const auto hint = [](const TopologySizes& sizes) { return sizes.validate().at(0).hint; };
  EXPECT_EQ(hint({.world_size = 10, .tp = 2, .pp = 4}),
            "--world-size 8 or 16, or another --tensor-model-parallel-size, "
            "--pipeline-model-parallel-size or --context-parallel-size");
  EXPECT_EQ(hint({.world_size = 9, .tp = 1'000, .cp = 1'000, .pp = 1'000}),
            "smaller --tensor-model-parallel-size, --pipeline-model-parallel-size or "
            "--context-parallel-size");
  EXPECT_EQ(hint({.world_size = 8, .cp = 2, .pp = 2, .order = kReplicasOutermost}),
            "without --use-tp-pp-dp-mapping, or --expert-tensor-parallel-size and "
            "--expert-model-parallel-size whose product is 2");
}

TEST(RankOrder, ReadsAndRefusesOrders) {
  EXPECT_EQ(parse_order("tp-cp-ep-dp-pp"), kDefaultOrder);
  EXPECT_EQ(parse_order("tp-cp-ep-pp-dp"), kReplicasOutermost);
  EXPECT_EQ(order_text(parse_order("pp-dp-ep-cp-tp")), "pp-dp-ep-cp-tp");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"tp-cp-xp-dp-pp",
       "the rank order names an unknown axis (got xp in tp-cp-xp-dp-pp, expected tp, cp, ep, dp or "
       "pp)"},
      {"", "the rank order names an unknown axis (got  in , expected tp, cp, ep, dp or pp)"},
      {"tp-cp-ep-dp-tp",
       "the rank order names an axis twice (got tp in tp-cp-ep-dp-tp, expected every axis once)"},
      {"tp-pp", "the rank order leaves axes out (got 2 of 5 in tp-pp, expected every axis once)"},
  };
  for (const auto& [text, message] : cases) {
    try {
      parse_order(text);
      ADD_FAILURE() << "accepted " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(error.what(), message);
    }
  }
}

}  // namespace
}  // namespace weft::parallel
