#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;

testing::CommandResult completion(const std::string& shell) {
  return testing::run_command(fmt::format("{} completion {}", WEFT_BINARY, shell));
}

// Runs the script as bash does on a press of the tab key.
std::string complete_in_bash(const std::string& line) {
  const testing::TempDir dir;
  const auto script = testing::write_file(
      dir / "press.sh", "source '" + (dir / "weft.bash").string() + "'\nCOMP_WORDS=(" + line +
                            ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_weft\n"
                            "echo \"${COMPREPLY[@]}\"\n");
  testing::write_file(dir / "weft.bash", completion("bash").out);
  const auto result = testing::run_command("bash '" + script.string() + "'");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

TEST(CompletionCommand, BashCompletesCommandsFlagsAndChoices) {
  EXPECT_EQ(complete_in_bash("weft pretr"), "pretrain\n");
  EXPECT_EQ(complete_in_bash("weft pretrain --hidden-s"), "--hidden-size\n");
  EXPECT_EQ(complete_in_bash("weft pretrain --lr-decay-style co"), "constant cosine\n");
  EXPECT_EQ(complete_in_bash("weft completion f"), "fish\n");
}

TEST(CompletionCommand, BashCompletesSchedulesAndPolicies) {
  EXPECT_EQ(complete_in_bash("weft simulate --sch"), "--schedule\n");
  EXPECT_EQ(complete_in_bash("weft simulate --schedule zb"), "zb-h1 zb-h2 zb-v\n");
  EXPECT_EQ(complete_in_bash("weft simulate --policy critical-path-"), "critical-path-by-kind\n");
  EXPECT_EQ(complete_in_bash("weft simulate --mapping ''"), "loop wave\n");
  EXPECT_EQ(complete_in_bash("weft simulate --mapping w"), "wave\n");
  EXPECT_EQ(complete_in_bash("weft simulate --wip N"), "\n") << "a placeholder is no value";
  EXPECT_EQ(complete_in_bash("weft ex"), "explain\n");
  EXPECT_EQ(complete_in_bash("weft bench sch"), "schedules\n");
}

TEST(CompletionCommand, RefusedOptionsAreNotOffered) {
  EXPECT_EQ(complete_in_bash("weft pretrain --bert-l"), "\n");
}

TEST(CompletionCommand, ZshAndFishKnowTheSameFlags) {
  EXPECT_THAT(completion("zsh").out, HasSubstr("'--hidden-size:"));
  EXPECT_THAT(completion("fish").out, HasSubstr("-l hidden-size -d"));
  EXPECT_THAT(completion("zsh").out, HasSubstr("'--no-split-backward:"));
  EXPECT_THAT(completion("fish").out, HasSubstr("-l mapping -d"));
}

TEST(CompletionCommand, OtherShellsAreUsageErrors) {
  const auto result = completion("tcsh");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("got tcsh, expected bash, zsh or fish"));
}

}  // namespace
}  // namespace weft
