// Deadlock hunting: programs that must complete, and programs that cannot and must say so.
#include "comm/random_program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weft/base/error.hpp"
#include "weft/comm/thread_world.hpp"

namespace weft::comm {
namespace {

WorldConfig config_with(double timeout_seconds, const std::string& faults) {
  return {.threads_per_rank = 1,
          .timeout = std::chrono::duration<double>(timeout_seconds),
          .faults = parse_faults(faults)};
}

/// Runs `count` programs on 2 to 8 ranks; every second one with delayed messages.
void run_programs(uint64_t first_seed, int count) {
  RecordingLogger logger;
  for (uint64_t seed = first_seed; seed < first_seed + static_cast<uint64_t>(count); ++seed) {
    const int num_ranks = static_cast<int>(seed % 7) + 2;
    const std::string faults = seed % 2 == 0 ? "" : fmt::format("jitter:ms=0.02,seed={}", seed);
    const auto program = testing::random_program(seed, num_ranks);
    try {
      ThreadWorld(logger, config_with(60.0, faults)).run(num_ranks, [&](RankContext& context) {
        testing::run_program(context, program);
      });
    } catch (const Error& error) {
      FAIL() << "program " << seed << " on " << num_ranks << " ranks: " << error.what();
    }
  }
}

TEST(RandomPrograms, Complete) { run_programs(1, 300); }

TEST(SlowRandomPrograms, TenThousandComplete) { run_programs(1'000'000, 10'000); }

/// Runs mutated programs; each must end with an error that names a rank and an operation.
void run_mutated(uint64_t first_seed, int count) {
  constexpr double kTimeout = 0.25;
  RecordingLogger logger;
  for (uint64_t seed = first_seed; seed < first_seed + static_cast<uint64_t>(count); ++seed) {
    const int num_ranks = static_cast<int>(seed % 7) + 2;
    const auto program = testing::random_program(seed, num_ranks);
    const auto mutation = testing::random_mutation(program, seed);
    const auto start = std::chrono::steady_clock::now();
    try {
      ThreadWorld(logger, config_with(kTimeout, "")).run(num_ranks, [&](RankContext& context) {
        testing::run_program(context, program, mutation);
      });
      ADD_FAILURE() << "program " << seed << " completed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::communication) << error.what();
      EXPECT_THAT(error.what(), ::testing::HasSubstr("rank ")) << seed;
      EXPECT_THAT(error.what(), ::testing::ContainsRegex("#[0-9]+ of |microbatch [0-9]+ of"))
          << seed;
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    EXPECT_LT(time.count(), kTimeout + 2.0) << seed;
  }
}

TEST(MutatedPrograms, EndWithAReport) { run_mutated(1, 40); }

TEST(SlowMutatedPrograms, EndWithAReport) { run_mutated(10'000, 500); }

}  // namespace
}  // namespace weft::comm
