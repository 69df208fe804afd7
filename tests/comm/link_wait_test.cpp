#include "weft/comm/link_wait.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "weft/comm/communicator.hpp"
#include "weft/comm/thread_world.hpp"

namespace weft::comm {
namespace {

using Clock = Endpoint::Clock;

constexpr int64_t kBytes = 4096;

LinkChannel channel(int stage) { return {.stage = stage}; }

/// Two ranks: `first` and `second`.
void run_pair(const std::function<void(RankContext&)>& first,
              const std::function<void(RankContext&)>& second) {
  RecordingLogger logger;
  ThreadWorld(logger, {.threads_per_rank = 1, .timeout = std::chrono::seconds(60)})
      .run(2, [&](RankContext& context) {
        if (context.is_first()) return first(context);
        second(context);
      });
}

TEST(LinkWait, EndsWithWhicheverMessageComesFirst) {
  run_pair(
      [](RankContext& context) {
        LinkSender late(*context.endpoint, channel(1), 1, kBytes);
        LinkSender early(*context.endpoint, channel(2), 1, kBytes);
        early.send(0, DType::u8, {kBytes});
        context.world().barrier();
        late.send(0, DType::u8, {kBytes});
      },
      [](RankContext& context) {
        LinkReceiver late(*context.endpoint, channel(1), 0, kBytes, 1);
        LinkReceiver early(*context.endpoint, channel(2), 0, kBytes, 1);
        late.begin_step(1);
        early.begin_step(1);
        Buffer buffer(static_cast<size_t>(kBytes));
        LinkWait wait(*context.endpoint);
        EXPECT_TRUE(wait.empty());
        wait.add(late, 0);
        wait.add(early, 0);
        EXPECT_FALSE(wait.empty());
        EXPECT_TRUE(wait.wait());
        EXPECT_TRUE(early.has_arrived(0));
        EXPECT_FALSE(late.has_arrived(0));
        context.world().barrier();
        early.take(0, buffer);
        late.wait(0);
        late.take(0, buffer);
      });
}

TEST(LinkWait, EndsWhenAMessageHasLeft) {
  run_pair(
      [](RankContext& context) {
        LinkSender link(*context.endpoint, channel(1), 1, kBytes);
        link.send(0, DType::u8, {kBytes});
        link.wait_free();
        link.send(1, DType::u8, {kBytes});  // its slot is granted once the first is taken
        EXPECT_FALSE(link.is_free());
        context.world().barrier();
        LinkWait wait(*context.endpoint);
        wait.add(link);
        EXPECT_TRUE(wait.wait());
        EXPECT_TRUE(link.is_free());
      },
      [](RankContext& context) {
        LinkReceiver link(*context.endpoint, channel(1), 0, kBytes, 1);
        link.begin_step(2);
        Buffer buffer(static_cast<size_t>(kBytes));
        link.wait(0);
        context.world().barrier();
        for (const int64_t microbatch : {0, 1}) {
          link.wait(microbatch);
          link.take(microbatch, buffer);
        }
      });
}

TEST(LinkWait, GivesUpAtTheTimeItWasGiven) {
  run_pair([](RankContext& context) { context.world().barrier(); },
           [](RankContext& context) {
             LinkReceiver link(*context.endpoint, channel(1), 0, kBytes, 1);
             link.begin_step(1);
             LinkWait wait(*context.endpoint);
             wait.add(link, 0);
             const auto until = Clock::now() + std::chrono::milliseconds(20);
             EXPECT_FALSE(wait.wait(until));
             EXPECT_GE(Clock::now(), until);
             context.world().barrier();
           });
}

}  // namespace
}  // namespace weft::comm
