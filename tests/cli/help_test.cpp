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
  EXPECT_EQ(result.out.find("--swiglu"), std::string::npos) << "offered before it works";
}

TEST(HelpCommand, HelpOfTheProgramListsTheCommands) {
  const auto result = weft("--help");
  ASSERT_EQ(result.exit_code, 0);
  for (const char* command : {"pretrain", "config", "completion"}) {
    EXPECT_THAT(result.out, HasSubstr(command));
  }
  EXPECT_EQ(weft("config show --help").exit_code, 0);
}

TEST(HelpCommand, VersionNamesBuildAndLibraries) {
  const auto result = weft("--version");
  ASSERT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, StartsWith("weft "));
  for (const char* line : {"\ngit: ", "\ncompiler: g++ ", "\nbackends: CPU with oneDNN ",
                           "\ninstruction set: x86-64-v3\n", "\nUnicode: "}) {
    EXPECT_THAT(result.out, HasSubstr(line));
  }
}

}  // namespace
}  // namespace weft
