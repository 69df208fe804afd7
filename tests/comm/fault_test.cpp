#include "weft/comm/fault.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weft/base/error.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/comm/link_receiver.hpp"
#include "weft/comm/link_sender.hpp"
#include "weft/comm/thread_world.hpp"

namespace weft::comm {
namespace {

using ::testing::HasSubstr;

MessageHeader message_of(Operation operation, int64_t bytes = 0) {
  MessageHeader header;
  header.operation = operation;
  header.bytes = bytes;
  return header;
}

TEST(ParseFaults, ReadsEveryKind) {
  const auto faults = parse_faults(
      "delay:rank=1,op=link,ms=5;jitter:ms=0.5,seed=3;slow-link:from=0,to=1,mbps=100;"
      "drop:rank=0,message=3;throw:rank=2,op=7;stop:rank=1,op=5");
  ASSERT_EQ(faults.size(), 6U);
  EXPECT_EQ(faults[0].operation, Operation::link);
  EXPECT_EQ(faults[0].milliseconds, 5.0);
  EXPECT_EQ(faults[1].rank, -1);
  EXPECT_EQ(faults[2].rank, 0);
  EXPECT_EQ(faults[2].to, 1);
  EXPECT_EQ(faults[2].megabits_per_s, 100.0);
  EXPECT_EQ(faults[3].kind, Fault::Kind::drop);
  EXPECT_EQ(faults[4].number, 7);
  EXPECT_EQ(faults[5].kind, Fault::Kind::stop);
  EXPECT_TRUE(parse_faults("").empty());
}

TEST(ParseFaults, RefusesWithTheWordAndAnExample) {
  for (const char* spec :
       {"loss:rank=1", "delay:rank=x,ms=1", "delay:ms=-1", "delay:mbps=3", "drop:rank=1",
        "throw:op=3", "slow-link:from=0", "delay:op=sent,ms=1", "stop:rank=1,op=0", "jitter:ms"}) {
    try {
      parse_faults(spec);
      ADD_FAILURE() << spec << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_THAT(error.what(), HasSubstr("--inject")) << spec;
      EXPECT_THAT(error.hint(), HasSubstr("--inject"));
    }
  }
}

TEST(FaultInjector, DelaysTheNamedOperationsOfItsRank) {
  const auto faults = parse_faults("delay:rank=1,op=collective,ms=50");
  FaultInjector mine(faults, 1);
  FaultInjector other(faults, 0);
  EXPECT_TRUE(other.empty());
  EXPECT_FALSE(mine.send(message_of(Operation::link), 0).due.has_value());
  const auto due = mine.send(message_of(Operation::all_reduce), 0).due;
  ASSERT_TRUE(due.has_value());
  EXPECT_GT(*due, FaultInjector::Clock::now());
}

TEST(FaultInjector, ASlowLinkSendsOneMessageAfterTheOther) {
  FaultInjector injector(parse_faults("slow-link:from=0,to=1,mbps=8"), 0);
  // 8 Mbit/s are a byte in a microsecond.
  const auto first = injector.send(message_of(Operation::link, 100'000), 1).due;
  const auto second = injector.send(message_of(Operation::link, 100'000), 1).due;
  EXPECT_NEAR(std::chrono::duration<double>(*second - *first).count(), 0.1, 1e-6);
  EXPECT_FALSE(injector.send(message_of(Operation::link, 100'000), 2).due.has_value());
}

TEST(FaultInjector, DropsOneMessageAndThrowsAtOneOperation) {
  FaultInjector injector(parse_faults("drop:rank=0,message=2;throw:rank=0,op=2"), 0);
  EXPECT_FALSE(injector.send(message_of(Operation::barrier), 1).dropped);
  EXPECT_TRUE(injector.send(message_of(Operation::barrier), 1).dropped);
  EXPECT_FALSE(injector.send(message_of(Operation::barrier), 1).dropped);
  injector.start_operation();
  EXPECT_THROW(injector.start_operation(), Error);
  injector.start_operation();
}

/// What a world of three ranks that all_reduce and pass tensors round ends with.
Error error_of(const std::string& faults, double timeout_seconds) {
  RecordingLogger logger;
  try {
    ThreadWorld(logger, {.threads_per_rank = 1,
                         .timeout = std::chrono::duration<double>(timeout_seconds),
                         .faults = parse_faults(faults)})
        .run(3, [](RankContext& context) {
          Tensor data({17}, DType::f32);
          const int from = (context.rank + 2) % 3;
          LinkSender sender(*context.endpoint, {.stage = context.rank}, (context.rank + 1) % 3, 64);
          LinkReceiver receiver(*context.endpoint, {.stage = from}, from, 64, 2);
          Buffer saved(64);
          receiver.begin_step(20);
          for (int i = 0; i < 20; ++i) {
            auto sum = context.world().all_reduce_async(data);
            sender.send(i, DType::u8, {64});
            receiver.wait(i);
            receiver.take(i, saved);
            sum.wait();
          }
        });
  } catch (const Error& error) {
    return error;
  }
  throw std::logic_error("the world completed");
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(InjectedFaults, AThrownErrorReleasesTheOthersAndIsReported) {
  for (int operation = 1; operation <= 12; ++operation) {
    const auto start = std::chrono::steady_clock::now();
    const Error error = error_of(fmt::format("throw:rank=1,op={}", operation), 60.0);
    EXPECT_LT(seconds_since(start), 2.0);
    EXPECT_EQ(error.rank(), 1);
    EXPECT_EQ(error.kind(), ErrorKind::communication);
    EXPECT_EQ(error.what(),
              fmt::format("injected fault: rank 1 throws at its operation {}", operation));
  }
}

TEST(InjectedFaults, ADroppedMessageIsNamed) {
  for (int message = 1; message <= 12; ++message) {
    const auto start = std::chrono::steady_clock::now();
    const Error error = error_of(fmt::format("drop:rank=1,message={}", message), 0.2);
    EXPECT_GE(seconds_since(start), 0.2);
    EXPECT_LT(seconds_since(start), 0.2 + 2.0);
    EXPECT_EQ(error.kind(), ErrorKind::communication);
    EXPECT_THAT(error.what(), HasSubstr("no progress for 0.2 s: rank 1 owes rank "));
    EXPECT_THAT(error.what(), HasSubstr("last communications of rank 1, oldest first"));
  }
}

TEST(InjectedFaults, StoppingAThreadIsRefused) {
  EXPECT_EQ(error_of("stop:rank=1,op=2", 1.0).kind(), ErrorKind::usage);
}

}  // namespace
}  // namespace weft::comm
