#include "weft/optim/loss_scaler.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"

namespace weft::optim {
namespace {

TEST(LossScaler, FollowsMegatronsStepByStep) {
  const auto runs = weft::testing::load_vector("loss_scaler");
  size_t steps = 0;
  for (const auto& run : runs) {
    LossScaler scaler({.dynamic = true,
                       .initial = run.at("initial"),
                       .minimum = run.at("min_scale"),
                       .window = run.at("window"),
                       .hysteresis = run.at("hysteresis")});
    for (const auto& step : run.at("steps")) {
      scaler.update(step.at("found_inf"));
      EXPECT_EQ(scaler.state(),
                (LossScalerState{.scale = step.at("scale"),
                                 .growth_tracker = step.at("growth_tracker"),
                                 .hysteresis_tracker = step.at("hysteresis_tracker")}))
          << "step " << steps;
      ++steps;
    }
  }
  EXPECT_GT(steps, 20u);
}

TEST(LossScaler, AConstantScaleStays) {
  LossScaler scaler({.dynamic = false, .constant = 128.0});
  scaler.update(true);
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 128.0);
  scaler.restore({.scale = 2.0});
  EXPECT_EQ(scaler.scale(), 128.0);
}

TEST(LossScaler, ARestoredScalerGoesOnAsTheSavedOne) {
  const LossScaleConfig config{.dynamic = true, .initial = 64.0, .window = 3};
  LossScaler whole(config);
  LossScaler first(config);
  for (const bool overflow : {true, true, false, false})
    whole.update(overflow), first.update(overflow);
  LossScaler second(config);
  second.restore(first.state());
  for (const bool overflow : {false, false, false, true, false}) {
    whole.update(overflow);
    second.update(overflow);
    EXPECT_EQ(second.state(), whole.state());
  }
}

TEST(LossScaler, NamesTheFlagOfABrokenRule) {
  EXPECT_TRUE(LossScaleConfig{}.validate().empty());
  const auto errors =
      LossScaleConfig{.dynamic = true, .initial = 1.0, .minimum = 2.0, .window = 0, .hysteresis = 0}
          .validate();
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_NE(errors[0].find("--min-loss-scale"), std::string::npos);
  EXPECT_NE(errors[1].find("--loss-scale-window"), std::string::npos);
  EXPECT_NE(errors[2].find("--hysteresis"), std::string::npos);
}

}  // namespace
}  // namespace weft::optim
