#include "weft/comm/backoff.hpp"

#include <gtest/gtest.h>

namespace weft::comm {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, SpinsThenSleepsAnEighthUpToTheLongestPause) {
  const Backoff::Clock::time_point start{};
  Backoff backoff(start, 1ms);
  EXPECT_EQ(backoff.pause(start, false), 0us);
  EXPECT_EQ(backoff.pause(start + 49us, false), 0us);
  EXPECT_EQ(backoff.pause(start + 50us, false), Backoff::kShortest);
  EXPECT_EQ(backoff.pause(start + 800us, false), 100us);
  EXPECT_EQ(backoff.pause(start + 1s, false), 1ms);
  backoff.event(start + 1s);
  EXPECT_EQ(backoff.pause(start + 1s, false), 0us);
}

TEST(Backoff, KeepsPollingWhileAPayloadMoves) {
  const Backoff::Clock::time_point start{};
  const Backoff backoff(start, 1ms);
  EXPECT_EQ(backoff.pause(start + 999ms, true), 0us);
  EXPECT_EQ(backoff.pause(start + 1001ms, true), 1ms);
}

}  // namespace
}  // namespace weft::comm
