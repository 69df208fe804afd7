#include "weft/comm/thread_world.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <atomic>
#include <barrier>
#include <latch>
#include <set>
#include <stdexcept>
#include <thread>

#include "weft/base/error.hpp"

namespace weft::comm {
namespace {

class ThreadWorldOfSize : public ::testing::TestWithParam<int> {};

TEST_P(ThreadWorldOfSize, RunsEveryRankOnceAtTheSameTime) {
  const int num_ranks = GetParam();
  RecordingLogger logger;
  ThreadWorld world(logger, 3);
  std::vector<int> visits(static_cast<size_t>(num_ranks), 0);
  std::vector<std::thread::id> ids(static_cast<size_t>(num_ranks));
  // Every rank waits for all others: the test hangs unless they run concurrently.
  std::barrier all_here(num_ranks);
  world.run(num_ranks, [&](RankContext& context) {
    all_here.arrive_and_wait();
    const size_t rank = static_cast<size_t>(context.rank);
    ++visits[rank];
    ids[rank] = std::this_thread::get_id();
    EXPECT_EQ(context.world_size, num_ranks);
    EXPECT_EQ(context.threads_per_rank, 3);
    EXPECT_EQ(omp_get_max_threads(), 3);
    EXPECT_EQ(context.is_first(), context.rank == 0);
    context.logger.info("rank " + std::to_string(context.rank));
  });
  for (const int visit : visits) EXPECT_EQ(visit, 1);
  EXPECT_EQ(std::set<std::thread::id>(ids.begin(), ids.end()).size(), ids.size());
  EXPECT_EQ(logger.infos.size(), visits.size());
}

TEST_P(ThreadWorldOfSize, ThrowsTheFirstErrorWithItsRankAfterAllRanksHaveEnded) {
  const int num_ranks = GetParam();
  const int failing = num_ranks - 1;
  RecordingLogger logger;
  ThreadWorld world(logger);
  std::latch failed(1);
  std::atomic<int> ended = 0;
  try {
    world.run(num_ranks, [&](RankContext& context) {
      if (context.rank == failing) {
        failed.count_down();
        fail_with_hint(ErrorKind::numeric, "--lr", "loss is {}", "nan");
      }
      failed.wait();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      ++ended;
    });
    FAIL() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::numeric);
    EXPECT_EQ(error.rank(), failing);
    EXPECT_EQ(error.hint(), "--lr");
    EXPECT_STREQ(error.what(), "loss is nan");
  }
  EXPECT_EQ(ended, num_ranks - 1);
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadWorldOfSize, ::testing::Values(1, 2, 4, 8));

/// Opens a latch when the exception object is destroyed, that is after the world has noted it.
struct SignallingError : Error {
  SignallingError(const char* message, std::latch& noted_latch)
      : Error(ErrorKind::data, message), noted(noted_latch) {}
  ~SignallingError() override { noted.count_down(); }
  std::latch& noted;
};

TEST(ThreadWorld, LaterErrorsDoNotReplaceTheFirst) {
  RecordingLogger logger;
  ThreadWorld world(logger);
  std::latch noted(1);
  try {
    world.run(4, [&](RankContext& context) {
      if (context.rank == 2) throw SignallingError("first", noted);
      noted.wait();
      fail(ErrorKind::communication, "consequence on rank {}", context.rank);
    });
    FAIL() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "first");
    EXPECT_EQ(error.rank(), 2);
  }
}

TEST(ThreadWorld, ForeignExceptionsBecomeErrors) {
  RecordingLogger logger;
  ThreadWorld world(logger);
  const auto kind_of = [&](const auto& thrower) {
    try {
      world.run(1, [&](RankContext&) { thrower(); });
    } catch (const Error& error) {
      EXPECT_EQ(error.rank(), 0);
      return error.kind();
    }
    throw std::logic_error("the world swallowed an exception");
  };
  EXPECT_EQ(kind_of([] { throw std::runtime_error("x"); }), ErrorKind::internal);
  EXPECT_EQ(kind_of([] { throw std::bad_alloc(); }), ErrorKind::device);
  EXPECT_EQ(kind_of([] { throw 3; }), ErrorKind::internal);
}

TEST(ThreadWorld, TheCallersThreadKeepsItsThreadCount) {
  RecordingLogger logger;
  const int before = omp_get_max_threads();
  ThreadWorld(logger, before + 1).run(2, [](RankContext&) {});
  EXPECT_EQ(omp_get_max_threads(), before);
}

TEST(ThreadWorld, TwoWorldsRunAtOnce) {
  RecordingLogger logger;
  std::atomic<int> ranks = 0;
  ThreadWorld(logger).run(2, [&](RankContext&) {
    ThreadWorld(logger).run(3, [&](RankContext& inner) { ranks += inner.world_size; });
  });
  EXPECT_EQ(ranks, 2 * 3 * 3);
}

TEST(ThreadWorld, SharesTheCoresOutAmongTheRanks) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  EXPECT_EQ(default_threads_per_rank(1), std::max(1, cores));
  EXPECT_EQ(default_threads_per_rank(cores + 1), 1);
}

TEST(ThreadWorld, RefusesWorldsWithoutRanksAndNegativeThreads) {
  RecordingLogger logger;
  EXPECT_THROW(ThreadWorld(logger).run(0, [](RankContext&) {}), Error);
  EXPECT_THROW(ThreadWorld(logger, -1).run(1, [](RankContext&) {}), Error);
}

}  // namespace
}  // namespace weft::comm
