#include "comm/conformance.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "weft/comm/thread_world.hpp"

namespace weft::comm {
namespace {

class ConformanceOfThreads : public ::testing::TestWithParam<int> {};

TEST_P(ConformanceOfThreads, EveryCollectiveTypeAndSizeIsRight) {
  RecordingLogger logger;
  std::vector<uint64_t> hashes(static_cast<size_t>(GetParam()));
  ThreadWorld(logger, {.threads_per_rank = 1, .timeout = std::chrono::seconds(60)})
      .run(GetParam(), [&](RankContext& context) {
        hashes[static_cast<size_t>(context.rank)] = testing::run_conformance_of_world(context);
      });
  for (const uint64_t hash : hashes) EXPECT_EQ(hash, hashes[0]);
}

INSTANTIATE_TEST_SUITE_P(Ranks, ConformanceOfThreads, ::testing::Values(1, 2, 3, 4, 8));

}  // namespace
}  // namespace weft::comm
