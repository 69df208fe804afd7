// Figures of a recorded step (schedule::efficiency).
#include <gtest/gtest.h>

#include "weft/schedule/explain.hpp"

namespace weft::schedule {
namespace {

TEST(Efficiency, CountsIdleTimeAndTheDistanceFromTheBound) {
  // Rank 1 waits 2 for each message, which a bound without latencies does not allow for.
  const CommitLog log{
      .stages = {Mapping::loop, 2, 1},
      .num_microbatches = 1,
      .ranks = {
          {{{TaskKind::forward, 0, 0}, 0, 0, 10}, {{TaskKind::backward, 0, 0}, 44, 44, 64}},
          {{{TaskKind::forward, 0, 0}, 12, 12, 22}, {{TaskKind::backward, 0, 0}, 22, 22, 42}}}};
  const Efficiency figures = efficiency(log);
  EXPECT_EQ(figures.makespan, 64);
  EXPECT_DOUBLE_EQ(figures.bubble, 1.0 - 60.0 / 128.0);
  EXPECT_EQ(figures.bound, 60);
  EXPECT_DOUBLE_EQ(figures.gap(), 64.0 / 60.0 - 1.0);
}

TEST(Efficiency, TasksThatOverlapTheirInputsLeaveNoNegativeGap) {
  // Rank 1 has begun before rank 0 noted the end of what it sent.
  const CommitLog log{
      .stages = {Mapping::loop, 2, 1},
      .num_microbatches = 1,
      .ranks = {{{{TaskKind::forward, 0, 0}, 0, 0, 10}, {{TaskKind::backward, 0, 0}, 37, 37, 57}},
                {{{TaskKind::forward, 0, 0}, 9, 9, 19}, {{TaskKind::backward, 0, 0}, 19, 19, 39}}}};
  EXPECT_EQ(efficiency(log).gap(), 0);
}

}  // namespace
}  // namespace weft::schedule
