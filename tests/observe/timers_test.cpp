#include "weft/observe/timers.hpp"

#include <gtest/gtest.h>

#include "weft/base/error.hpp"

namespace weft::observe {
namespace {

class TimersTest : public ::testing::Test {
 protected:
  double now_ms_ = 1000.0;
  Timers timers_{[this] { return now_ms_; }};
};

TEST_F(TimersTest, AddsUpWhatRunsBetweenStartAndStop) {
  timers_.start(timer_name::kOptimizer);
  now_ms_ += 5.0;
  timers_.stop(timer_name::kOptimizer);
  now_ms_ += 100.0;
  timers_.start(timer_name::kOptimizer);
  now_ms_ += 2.5;
  EXPECT_DOUBLE_EQ(timers_.elapsed_ms("optimizer"), 7.5) << "while it runs";
  timers_.stop(timer_name::kOptimizer);
  now_ms_ += 100.0;
  EXPECT_DOUBLE_EQ(timers_.elapsed_ms("optimizer"), 7.5);
}

TEST_F(TimersTest, TakingStartsAgainFromZero) {
  timers_.start(timer_name::kIntervalTime);
  now_ms_ += 30.0;
  EXPECT_DOUBLE_EQ(timers_.take_ms(timer_name::kIntervalTime), 30.0);
  now_ms_ += 4.0;
  EXPECT_DOUBLE_EQ(timers_.take_ms(timer_name::kIntervalTime), 4.0) << "it goes on running";
  now_ms_ += 6.0;
  timers_.stop(timer_name::kIntervalTime);
  EXPECT_DOUBLE_EQ(timers_.take_ms(timer_name::kIntervalTime), 6.0);
  EXPECT_DOUBLE_EQ(timers_.take_ms(timer_name::kIntervalTime), 0.0);
}

TEST_F(TimersTest, NamesAreInTheOrderOfTheirFirstStart) {
  for (const auto name :
       {timer_name::kSaveCheckpoint, timer_name::kEvaluate, timer_name::kSaveCheckpoint}) {
    const TimerScope scope(timers_, name);
    now_ms_ += 1.0;
  }
  EXPECT_EQ(timers_.names(), (std::vector<std::string>{"save-checkpoint", "evaluate"}));
  EXPECT_DOUBLE_EQ(timers_.elapsed_ms("save-checkpoint"), 2.0);
  EXPECT_DOUBLE_EQ(timers_.elapsed_ms("never-started"), 0.0);
}

TEST_F(TimersTest, StartsAndStopsAlternate) {
  EXPECT_THROW(timers_.stop("evaluate"), Error);
  timers_.start("evaluate");
  EXPECT_THROW(timers_.start("evaluate"), Error);
  timers_.stop("evaluate");
  EXPECT_THROW(timers_.stop("evaluate"), Error);
}

TEST(Timers, TheDefaultClockCountsMilliseconds) {
  Timers timers;
  const double before = Timers::steady_clock_ms();
  {
    const TimerScope scope(timers, timer_name::kEvaluate);
    while (Timers::steady_clock_ms() < before + 2.0) {
    }
  }
  const double longest = Timers::steady_clock_ms() - before;
  EXPECT_GT(timers.elapsed_ms(timer_name::kEvaluate), 0.0);
  EXPECT_LE(timers.elapsed_ms(timer_name::kEvaluate), longest);
}

}  // namespace
}  // namespace weft::observe
