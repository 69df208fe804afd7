#include "weft/optim/schedule.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/vectors.hpp"

namespace weft::optim {
namespace {

using nlohmann::json;

ScheduleConfig config_from(const json& vector) {
  ScheduleConfig config;
  config.lr = vector.at("max_lr");
  config.min_lr = vector.at("min_lr");
  config.lr_warmup_init = vector.at("init_lr");
  config.lr_warmup_samples = vector.at("lr_warmup_steps");
  config.lr_decay_samples = vector.at("lr_decay_steps");
  config.lr_decay_style = vector.at("lr_decay_style");
  config.lr_wsd_decay_samples = vector.value("wsd_decay_steps", 0.0);
  config.lr_wsd_decay_style = vector.value("lr_wsd_decay_style", "exponential");
  config.start_weight_decay = vector.at("start_wd");
  config.end_weight_decay = vector.at("end_wd");
  config.weight_decay_incr_samples = vector.at("wd_incr_steps");
  config.weight_decay_incr_style = vector.at("wd_incr_style");
  return config;
}

ScheduleConfig valid_config() {
  ScheduleConfig config;
  config.lr = 1e-3;
  config.min_lr = 1e-5;
  config.lr_warmup_samples = 100;
  config.lr_decay_samples = 1000;
  return config;
}

TEST(Schedule, EqualsEveryVector) {
  const json vectors = testing::load_vector("lr_wd_schedules");
  ASSERT_EQ(vectors.at("schedules").size(), 14U);
  for (const json& schedule : vectors.at("schedules")) {
    const ScheduleConfig config = config_from(schedule.at("config"));
    EXPECT_TRUE(validate(config).empty()) << schedule.at("config");
    for (const json& value : schedule.at("values")) {
      const int64_t samples = value.at("num_steps");
      const std::string at = schedule.at("config").dump() + " at " + std::to_string(samples);
      const double rate = learning_rate(config, samples);
      EXPECT_DOUBLE_EQ(rate, value.at("lr").get<double>()) << at;
      EXPECT_EQ(fmt::format("{:.6E}", rate), value.at("printed").get<std::string>()) << at;
      EXPECT_DOUBLE_EQ(weight_decay(config, samples), value.at("wd_group0").get<double>()) << at;
    }
  }
}

TEST(Schedule, WithoutWarmupStartsAtTheMaximum) {
  ScheduleConfig config = valid_config();
  config.lr_warmup_samples = 0;
  for (const char* style : {"constant", "linear", "cosine", "inverse-square-root", "WSD"}) {
    config.lr_decay_style = style;
    config.lr_wsd_decay_samples = 10;
    EXPECT_EQ(learning_rate(config, 0), 1e-3) << style;
  }
}

TEST(Schedule, FractionalWarmupIsNotRounded) {
  ScheduleConfig config = valid_config();
  config.lr_warmup_samples = 2.5;
  EXPECT_DOUBLE_EQ(learning_rate(config, 2), 1e-3 * 2.0 / 2.5);
  EXPECT_LT(learning_rate(config, 3), 1e-3);
}

TEST(Schedule, TrainItersLeaveOutTheRemainder) {
  EXPECT_EQ(train_iters_from_samples(1000, 16), 62);
  EXPECT_EQ(train_iters_from_samples(15, 16), 0);
  EXPECT_EQ(train_iters_from_samples(320, 16), 20);
}

struct Violation {
  const char* flag;
  void (*break_rule)(ScheduleConfig&);
};

TEST(Schedule, EachViolationNamesItsFlag) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ASSERT_TRUE(validate(valid_config()).empty());
  const Violation violations[] = {
      {"--min-lr", [](ScheduleConfig& c) { c.min_lr = -1e-9; }},
      {"--min-lr", [](ScheduleConfig& c) { c.min_lr = 2e-3; }},
      {"--decoupled-lr", [](ScheduleConfig& c) { c.decoupled_lr = -1.0; }},
      {"--decoupled-min-lr", [](ScheduleConfig& c) { c.decoupled_min_lr = 1e-5; }},
      {"--decoupled-min-lr",
       [](ScheduleConfig& c) {
         c.decoupled_lr = 1e-5;
         c.decoupled_min_lr = 1e-4;
       }},
      {"--lr-warmup-init", [](ScheduleConfig& c) { c.lr_warmup_init = 2e-3; }},
      {"--lr-decay-iters", [](ScheduleConfig& c) { c.lr_decay_samples = 0; }},
      {"--lr-warmup-iters", [](ScheduleConfig& c) { c.lr_warmup_samples = 1000; }},
      {"--lr-decay-style", [](ScheduleConfig& c) { c.lr_decay_style = "step"; }},
      {"--lr-wsd-decay-iters", [](ScheduleConfig& c) { c.lr_decay_style = "WSD"; }},
      {"--lr-wsd-decay-style",
       [](ScheduleConfig& c) {
         c.lr_decay_style = "WSD";
         c.lr_wsd_decay_samples = 10;
         c.lr_wsd_decay_style = "steep";
       }},
      {"--start-weight-decay", [](ScheduleConfig& c) { c.start_weight_decay = -1; }},
      {"--end-weight-decay",
       [](ScheduleConfig& c) {
         c.weight_decay_incr_style = "linear";
         c.weight_decay_incr_samples = 10;
         c.end_weight_decay = 0.0;
       }},
      {"--weight-decay-incr-style", [](ScheduleConfig& c) { c.weight_decay_incr_style = "step"; }},
      {"--weight-decay-incr-style",
       [](ScheduleConfig& c) { c.weight_decay_incr_style = "cosine"; }},
      {"--end-weight-decay", [](ScheduleConfig& c) { c.end_weight_decay = 0.5; }},
  };
  for (const Violation& violation : violations) {
    ScheduleConfig config = valid_config();
    violation.break_rule(config);
    const std::vector<std::string> errors = validate(config);
    ASSERT_FALSE(errors.empty()) << violation.flag;
    EXPECT_NE(errors.front().find(violation.flag), std::string::npos) << errors.front();
  }
  ScheduleConfig config = valid_config();
  config.lr = nan;
  EXPECT_EQ(validate(config).size(), 1U);
}

TEST(Schedule, ADecoupledRateHasItsOwnEndsAndTheCommonShape) {
  ScheduleConfig config = valid_config();
  config.lr_decay_style = "cosine";
  config.min_lr = 1e-4;
  EXPECT_FALSE(decoupled_learning_rate(config, 10));
  config.decoupled_lr = 5e-4;
  ScheduleConfig other = config;
  other.lr = 5e-4;
  for (const int64_t samples : {0, 1, 50, 400, 1000, 2000}) {
    EXPECT_EQ(decoupled_learning_rate(config, samples), learning_rate(other, samples)) << samples;
  }
  config.decoupled_min_lr = 2e-4;
  EXPECT_EQ(decoupled_learning_rate(config, 1 << 20), 2e-4);
  EXPECT_EQ(learning_rate(config, 1 << 20), 1e-4);
  EXPECT_TRUE(validate(config).empty());
}

TEST(Schedule, ReportsAllViolationsAtOnce) {
  ScheduleConfig config = valid_config();
  config.min_lr = -1;
  config.lr_decay_style = "step";
  config.end_weight_decay = 0.5;
  EXPECT_EQ(validate(config).size(), 3U);
}

}  // namespace
}  // namespace weft::optim
