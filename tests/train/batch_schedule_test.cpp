#include "weft/train/batch_schedule.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace weft::train {
namespace {

TEST(BatchSchedule, IsConstantWithoutARamp) {
  const BatchSchedule batches(16, 4);
  for (const int64_t consumed : {0, 16, 1000}) EXPECT_EQ(batches.at(consumed).run, 16);
  EXPECT_EQ(batches.length(1000).iterations, 62);
  EXPECT_EQ(batches.length(1000).samples, 62 * 16);
  EXPECT_EQ(batches.length(15).iterations, 0);
}

TEST(BatchSchedule, GrowsInStepsOfEqualSamples) {
  const BatchSchedule batches(8, 2, BatchRamp{.start = 2, .increment = 2, .samples = 30});
  // Three steps of 10 samples; the last one includes the ramp's end.
  const std::vector<std::pair<int64_t, int64_t>> expected = {
      {0, 2}, {9, 2}, {10, 4}, {19, 4}, {20, 6}, {29, 6}, {30, 8}, {31, 8}, {1000, 8}};
  for (const auto& [consumed, size] : expected) EXPECT_EQ(batches.at(consumed).run, size);
  EXPECT_EQ(batches.full().run, 8);
}

// reference/megatron.md 6.5 word for word.
TrainLength counted_one_by_one(const BatchSchedule& batches, const BatchRamp& ramp, int64_t global,
                               int64_t train_samples) {
  TrainLength length;
  while (length.samples <= ramp.samples && length.samples <= train_samples) {
    length.samples += batches.at(length.samples).asked;
    ++length.iterations;
  }
  if (train_samples > length.samples) {
    const int64_t rest = (train_samples - length.samples) / global;
    length.iterations += rest;
    length.samples += rest * global;
  }
  return length;
}

TEST(BatchSchedule, TheLengthOfARunIsMegatrons) {
  for (const BatchRamp& ramp :
       {BatchRamp{2, 2, 30}, BatchRamp{1, 1, 1000}, BatchRamp{4, 12, 333}, BatchRamp{16, 16, 5000},
        BatchRamp{1, 3, 7}, BatchRamp{16, 48, 1}}) {
    const BatchSchedule batches(64, 1, ramp);
    for (const int64_t samples : {1, 5, 30, 31, 100, 333, 334, 1000, 4999, 5000, 5001, 20000}) {
      const TrainLength expected = counted_one_by_one(batches, ramp, 64, samples);
      const TrainLength length = batches.length(samples);
      EXPECT_EQ(length.iterations, expected.iterations) << ramp.start << " " << samples;
      EXPECT_EQ(length.samples, expected.samples) << ramp.start << " " << samples;
    }
  }
}

TEST(BatchSchedule, ALongRampIsCountedAtOnce) {
  const BatchSchedule batches(2, 1, BatchRamp{1, 1, 1'000'000'000'000});
  EXPECT_EQ(batches.length(1'000'000'000'000).iterations, 1'000'000'000'001);
}

TEST(BatchSchedule, RoundsDownToWholeMicrobatches) {
  const BatchSchedule batches(9, 4, BatchRamp{.start = 5, .increment = 2, .samples = 20});
  EXPECT_EQ(batches.at(0).asked, 5);
  EXPECT_EQ(batches.at(0).run, 4);
  EXPECT_EQ(batches.at(10).asked, 7);
  EXPECT_EQ(batches.at(10).run, 4);
  EXPECT_EQ(batches.full().run, 8);
}

TEST(BatchSchedule, ARampOfNothingIsNoRamp) {
  EXPECT_EQ(BatchSchedule(8, 2, BatchRamp{8, 2, 100}).at(0).run, 8);
  EXPECT_EQ(BatchSchedule(8, 2, BatchRamp{2, 2, 0}).at(0).run, 8);
}

}  // namespace
}  // namespace weft::train
