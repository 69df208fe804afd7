#include "weft/schedule/single_stage.hpp"

#include <gtest/gtest.h>

#include "weft/schedule/validate.hpp"

namespace weft::schedule {
namespace {

TEST(SingleStage, AccumulationHoldsOneMicrobatch) {
  constexpr TaskKind kF = TaskKind::forward;
  constexpr TaskKind kD = TaskKind::backward;
  const Schedule schedule = accumulate(3);
  EXPECT_EQ(schedule,
            (Schedule{{kF, 0, 0}, {kD, 0, 0}, {kF, 0, 1}, {kD, 0, 1}, {kF, 0, 2}, {kD, 0, 2}}));
  EXPECT_FALSE(splits_backward(schedule));
  const PipelineSchedule order{{}, 3, {schedule}};
  EXPECT_NO_THROW(validate(order));
  EXPECT_EQ(peak_charge(order), std::vector<int64_t>{1});
}

}  // namespace
}  // namespace weft::schedule
