#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

testing::CommandResult weft(const std::string& words) {
  return testing::run_command(fmt::format("{} {}", WEFT_BINARY, words));
}

TEST(HelpCommand, PretrainHelpIsGroupedWithUnitsDefaultsAndAnExample) {
  const auto result = weft("pretrain --help");
  ASSERT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("Example:\n  weft pretrain --num-layers"));
  EXPECT_THAT(result.out, HasSubstr("\nLearning rate schedule:\n"));
  EXPECT_THAT(result.out,
              HasSubstr("--weight-decay X                          decoupled weight decay [0.01]"));
  EXPECT_THAT(result.out, HasSubstr("(iterations)"));
  EXPECT_EQ(result.out.find("--grad-reduce-in-bf16"), std::string::npos)
      << "offered before it works";
}

TEST(HelpCommand, HelpOfTheProgramListsTheCommands) {
  const auto result = weft("--help");
  ASSERT_EQ(result.exit_code, 0);
  for (const char* command : {"pretrain", "config", "completion", "simulate", "explain", "bench"}) {
    EXPECT_THAT(result.out, HasSubstr(command));
  }
  EXPECT_EQ(weft("config show --help").exit_code, 0);
}

TEST(HelpCommand, SimulateHelpIsGroupedAndNamesEveryFlag) {
  const auto result = weft("simulate --help");
  ASSERT_EQ(result.exit_code, 0);
  for (const char* group : {"\nWhat to run (one of these):\n", "\nPipeline:\n", "\nTimes (units of",
                            "\nPolicies:\n", "\nOutput:\n", "\nExamples:\n"}) {
    EXPECT_THAT(result.out, HasSubstr(group));
  }
  for (const char* flag : {"--schedule NAME",
                           "--csv FILE",
                           "--policy NAME",
                           "--pp INT",
                           "--vpp INT",
                           "--microbatches INT",
                           "--mapping loop|wave",
                           "--chunks INT",
                           "--group-size INT",
                           "--no-split-backward",
                           "--costs F,B,W=1,1,1",
                           "--latency FLOAT",
                           "--slow-rank RANK:FACTOR",
                           "--jitter FLOAT",
                           "--link-jitter FLOAT",
                           "--length-jitter FLOAT",
                           "--seed INT=1",
                           "--cap FLOAT",
                           "--wip N|auto",
                           "--scan bfc|group|dfc",
                           "--any-order",
                           "--draw",
                           "--svg FILE",
                           "--svg-until FLOAT",
                           "--trace FILE",
                           "--csv-out FILE",
                           "--commit-log FILE",
                           "--json",
                           "--quiet"}) {
    EXPECT_THAT(result.out, HasSubstr(std::string("\n  ") + flag));
  }
  for (const char* words : {"explain --help", "bench schedules --help"}) {
    EXPECT_THAT(weft(words).out, HasSubstr("\nExample:\n  weft ")) << words;
  }
}

TEST(HelpCommand, VersionNamesBuildAndLibraries) {
  const auto result = weft("--version");
  ASSERT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, StartsWith("weft "));
  for (const char* line : {"\ngit: ", "\ncompiler: g++ ", "\nbackends: CPU with oneDNN ",
                           "\nCUDA: ", "\ninstruction set: x86-64-v", "\nUnicode: "}) {
    EXPECT_THAT(result.out, HasSubstr(line));
  }
}

}  // namespace
}  // namespace weft
