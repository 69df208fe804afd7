#include "weft/train/rank_log.hpp"

#include <gtest/gtest.h>

namespace weft::train {
namespace {

using schedule::CommitEntry;
using schedule::TaskKind;

RankLog log_of(double start, double first) {
  return {.start = start,
          .entries = {{{TaskKind::forward, 0, 0}, 0, first, first + 1},
                      {{TaskKind::backward, 1, 2}, first + 2, first + 3, first + 4}}};
}

TEST(RankLog, PackedLogsComeBackAsTheyWere) {
  const RankLog log = log_of(1e9, 5);
  const std::vector<double> packed = pack(log, 4);
  EXPECT_EQ(packed.size(), pack(RankLog{}, 4).size());
  const RankLog back = unpack(packed);
  EXPECT_EQ(back.start, log.start);
  EXPECT_EQ(back.entries, log.entries);
  EXPECT_TRUE(unpack(pack(RankLog{}, 4)).entries.empty());
}

TEST(RankLog, TimesCountFromTheEarliestStart) {
  const std::vector<RankLog> ranks{log_of(1000, 5), log_of(990, 5)};
  const schedule::CommitLog log = join({.num_ranks = 2, .num_chunks = 2}, 3, ranks);
  EXPECT_EQ(log.time_unit, "us");
  EXPECT_EQ(log.ranks[0][0].arrived, 0);
  EXPECT_EQ(log.ranks[0][0].start, 15);
  EXPECT_EQ(log.ranks[0][1].arrived, 17);
  EXPECT_EQ(log.ranks[1][1].end, 9);
}

TEST(RankLog, ClocksOfTheirOwnAreNotCompared) {
  const std::vector<RankLog> ranks{log_of(1e12, 5), log_of(5, 5)};
  const schedule::CommitLog log = join({.num_ranks = 2, .num_chunks = 2}, 3, ranks);
  EXPECT_EQ(log.ranks[0][0].start, 5);
  EXPECT_EQ(log.ranks[1][0].start, 5);
}

}  // namespace
}  // namespace weft::train
