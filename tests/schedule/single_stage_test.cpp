#include "weft/schedule/single_stage.hpp"

#include <gtest/gtest.h>

#include "weft/base/error.hpp"

namespace weft::schedule {
namespace {

Task task(TaskKind kind, int64_t microbatch) { return {kind, 0, microbatch}; }
constexpr TaskKind kF = TaskKind::forward;
constexpr TaskKind kB = TaskKind::backward_input;
constexpr TaskKind kW = TaskKind::backward_weight;
constexpr TaskKind kD = TaskKind::backward;

std::string refusal(const Schedule& schedule, int64_t num_microbatches) {
  try {
    validate_single_stage(schedule, num_microbatches);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(SingleStage, AccumulationHoldsOneMicrobatch) {
  const Schedule schedule = accumulate(3);
  EXPECT_EQ(schedule, (Schedule{task(kF, 0), task(kD, 0), task(kF, 1), task(kD, 1), task(kF, 2),
                                task(kD, 2)}));
  EXPECT_EQ(max_in_flight(schedule), 1);
  EXPECT_FALSE(splits_backward(schedule));
  EXPECT_NO_THROW(validate_single_stage(schedule, 3));
}

TEST(SingleStage, ActivationsAreHeldUntilTheWeightGradient) {
  const Schedule schedule{task(kF, 0), task(kF, 1), task(kB, 0), task(kB, 1), task(kW, 0),
                          task(kF, 2), task(kW, 1), task(kB, 2), task(kW, 2)};
  EXPECT_NO_THROW(validate_single_stage(schedule, 3));
  EXPECT_EQ(max_in_flight(schedule), 2);
  EXPECT_TRUE(splits_backward(schedule));
}

TEST(SingleStage, RefusesIncompleteAndDisorderedSchedulesByTask) {
  EXPECT_EQ(refusal({task(kF, 0), task(kD, 0)}, 2), "the schedule finishes 1 of 2 microbatches");
  EXPECT_EQ(refusal({task(kD, 0), task(kF, 0)}, 1), "task D0.0 comes before F0.0");
  EXPECT_EQ(refusal({task(kF, 0), task(kW, 0), task(kB, 0)}, 1), "task W0.0 comes before B0.0");
  EXPECT_EQ(refusal({task(kF, 1), task(kD, 1)}, 2),
            "task F0.1 comes where microbatch 0 of its kind is due");
  EXPECT_EQ(refusal({task(kF, 0), task(kF, 0)}, 1),
            "task F0.0 comes where microbatch 1 of its kind is due");
  EXPECT_EQ(refusal({task(kF, 0), task(kB, 0), task(kW, 0), task(kF, 1), task(kD, 1)}, 2),
            "task D0.1 comes where microbatch 0 of its kind is due");
  EXPECT_EQ(refusal({{kF, 1, 0}}, 1), "task F1.0 has chunk 1, a single stage has chunk 0");
}

}  // namespace
}  // namespace weft::schedule
