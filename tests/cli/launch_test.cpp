#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;

testing::CommandResult weft(const std::string& words, const std::string& variables = {}) {
  return testing::run_command(
      fmt::format("unset OMPI_COMM_WORLD_SIZE PMIX_RANK PMI_RANK PMI_SIZE SLURM_NTASKS WORLD_SIZE; "
                  "{} {} {}",
                  variables, WEFT_BINARY, words));
}

TEST(LaunchCommand, ExplainSaysWhyRanksAreThreads) {
  const auto result = weft("launch explain");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("launcher: none\n"));
  EXPECT_THAT(result.out, HasSubstr("world: threads"));
  EXPECT_THAT(result.out, HasSubstr("because no launcher's variable announces processes"));
}

TEST(LaunchCommand, ExplainShowsTheProblemAsJson) {
  const auto result = weft("launch explain --json", "WORLD_SIZE=4 RANK=0");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto object = nlohmann::json::parse(result.out);
  EXPECT_EQ(object.at("launcher"), "torchrun");
  EXPECT_EQ(object.at("announced"), 4);
  EXPECT_EQ(object.at("world"), "none");
  EXPECT_THAT(object.at("hint").get<std::string>(), HasSubstr("mpirun -np 4"));
}

TEST(LaunchCommand, AnnouncedProcessesWithoutMpiAreAUsageError) {
  const auto result = weft("bench links", "SLURM_NTASKS=3");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("announces 3 processes (SLURM_NTASKS=3), but MPI has 1 rank"));
  EXPECT_THAT(result.err, HasSubstr("mpirun -np 3"));
}

TEST(BenchLinks, InjectedFaultsEndWithExit6) {
  const auto result = weft("bench links --inject throw:rank=1,op=5 --json");
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("injected fault: rank 1 throws at its operation 5"));
  EXPECT_EQ(nlohmann::json::parse(result.out).at("error").at("kind"), "communication");
  EXPECT_EQ(weft("bench links --inject loss:rank=1").exit_code, 2);
}

TEST(SlowBenchLinks, MeasuresHandOffsCollectivesAndWaits) {
  const auto result = weft("bench links --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto object = nlohmann::json::parse(result.out);
  EXPECT_EQ(object.at("world"), "threads");
  EXPECT_EQ(object.at("hand_offs").size(), 5U);
  for (const auto& one : object.at("hand_offs")) EXPECT_GT(one.at("memcpy_gb_s"), 0.0);
  EXPECT_GT(object.at("collectives").size(), 10U);
  EXPECT_EQ(object.at("wake_ups").size(), 3U);
  // A rank that spins would use all of a core.
  EXPECT_LT(object.at("waiting_cpu_percent"), 50.0);
}

}  // namespace
}  // namespace weft
