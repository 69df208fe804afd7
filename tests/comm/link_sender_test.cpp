#include "weft/comm/link_sender.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "weft/comm/communicator.hpp"
#include "weft/comm/link_receiver.hpp"
#include "weft/comm/thread_world.hpp"

namespace weft::comm {
namespace {

constexpr int64_t kBytes = int64_t{16} << 20;

TEST(LinkSender, ExchangesBuffersWithinAProcessAndCopiesNothing) {
  RecordingLogger logger;
  std::array<std::atomic<const void*>, 6> sent{};
  ThreadWorld(logger, {.threads_per_rank = 1, .timeout = std::chrono::seconds(60)})
      .run(2, [&](RankContext& context) {
        if (context.is_first()) {
          LinkSender sender(*context.endpoint, {}, 1, kBytes);
          for (size_t i = 0; i < sent.size(); ++i) {
            sender.wait_free();
            sent[i] = sender.buffer(DType::u8, {kBytes}).raw();
            sender.send(static_cast<int64_t>(i), DType::u8, {kBytes});
          }
          return;
        }
        LinkReceiver receiver(*context.endpoint, {}, 0, kBytes, 2);
        Buffer saved(static_cast<size_t>(kBytes));
        receiver.begin_step(static_cast<int64_t>(sent.size()));
        for (size_t i = 0; i < sent.size(); ++i) {
          receiver.wait(static_cast<int64_t>(i));
          receiver.take(static_cast<int64_t>(i), saved);
          EXPECT_EQ(saved.data(), sent[i].load()) << "microbatch " << i;
        }
      });
}

TEST(LinkSender, ExchangesTheCallersBufferForAnEmptyOne) {
  RecordingLogger logger;
  std::atomic<const void*> sent = nullptr;
  ThreadWorld(logger, {.threads_per_rank = 1, .timeout = std::chrono::seconds(60)})
      .run(2, [&](RankContext& context) {
        Buffer buffer(static_cast<size_t>(kBytes));
        if (context.is_first()) {
          LinkSender sender(*context.endpoint, {}, 1, kBytes);
          sent = buffer.data();
          sender.send(0, DType::u8, {kBytes}, buffer);
          EXPECT_NE(buffer.data(), sent.load());
          Buffer small(64);
          EXPECT_THROW(sender.send(1, DType::u8, {64}, small), Error);
          return;
        }
        LinkReceiver receiver(*context.endpoint, {}, 0, kBytes, 1);
        receiver.begin_step(1);
        receiver.wait(0);
        receiver.take(0, buffer);
        EXPECT_EQ(buffer.data(), sent.load());
      });
}

TEST(LinkSender, RefusesATensorThatIsLargerThanItsBuffer) {
  RecordingLogger logger;
  ThreadWorld(logger, 1).run(1, [](RankContext& context) {
    LinkSender sender(*context.endpoint, {}, 0, 64);
    EXPECT_THROW(sender.buffer(DType::f32, {17}), Error);
    EXPECT_EQ(sender.buffer(DType::f32, {16}).size_bytes(), 64U);
  });
}

}  // namespace
}  // namespace weft::comm
