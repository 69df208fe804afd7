// What users read when something is wrong, through the program itself.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

testing::CommandResult weft(const std::string& words) {
  return testing::run_command(fmt::format("{} {}", WEFT_BINARY, words));
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(ErrorBlocks, UnknownFlagsNameTheNearestAndExitWith2) {
  const auto result = weft("pretrain --hidden-sise 64");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("error: "));
  EXPECT_THAT(result.err, HasSubstr("got --hidden-sise"));
  EXPECT_THAT(result.err, HasSubstr("try --hidden-size"));
}

TEST(ErrorBlocks, AllProblemsAreOneBlockPrintedOnce) {
  const auto result = weft("pretrain --lr fast --grad-reduce-in-bf16 --seq-length 8");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(count(result.err, "error: "), 1U) << result.err;
  EXPECT_EQ(count(result.err, "--lr has a wrong value"), 1U);
  EXPECT_EQ(count(result.err, "--grad-reduce-in-bf16"), 2U)
      << "once as the problem, once as the hint";
  EXPECT_EQ(count(result.err, "hidden_size argument is None"), 1U);
}

TEST(ErrorBlocks, JsonErrorsAreOneObjectOnStdout) {
  const auto result = weft("pretrain --json --lr fast");
  EXPECT_EQ(result.exit_code, 2);
  const auto object = nlohmann::json::parse(result.out);
  EXPECT_EQ(object.at("error").at("kind"), "usage");
  EXPECT_THAT(object.at("error").at("message").get<std::string>(), HasSubstr("got fast"));
  EXPECT_TRUE(object.at("error").contains("hint"));
  EXPECT_THAT(result.err, StartsWith("error: "));
}

TEST(ErrorBlocks, UnknownCommandsListTheKnownOnes) {
  const auto result = weft("pretrian");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("unknown command (got pretrian, expected one of pretrain"));
  EXPECT_EQ(weft("").exit_code, 2);
  EXPECT_EQ(weft("completion").exit_code, 2);
}

TEST(ErrorBlocks, EveryCommandSpeaksOfItsFlags) {
  struct Case {
    std::string words, part;
  };
  for (const auto& [words, part] : std::vector<Case>{
           {"tokenizer", "weft tokenizer what? (expected one of train, encode, decode)"},
           {"data show", "unknown command (got weft data show, expected one of "},
           {"generate --prmpt x", "unknown option (got --prmpt, expected a flag of weft generate)"},
           {"generate --max-tokens x --load a", "--max-tokens has a wrong value (got x, "},
           {"generate --load", "--load has no value; try weft generate --help"},
           {"generate --load a --load b", "--load has 2 values (expected one)"},
           {"data inspect a b", "unexpected word (got b, expected a flag)"},
           {"data inspect", "PREFIX is missing; try weft data inspect --help"},
       }) {
    const auto result = weft(words);
    EXPECT_EQ(result.exit_code, 2) << words;
    EXPECT_THAT(result.err, StartsWith("error: ")) << words;
    EXPECT_THAT(result.err, HasSubstr(part)) << words;
  }
}

TEST(ErrorBlocks, AWordThatIsACommandsNameMayBeAValue) {
  const auto result = weft("config show --save config --load generate");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("save = config  (flag)"));
  EXPECT_THAT(result.out, HasSubstr("load = generate  (flag)"));
}

TEST(PretrainCommand, DryRunIsPassedOn) {
  const auto result = weft(
      "pretrain --dry-run --mock-data --tokenizer-type NullTokenizer --vocab-size 63 "
      "--num-layers 1 --hidden-size 8 --num-attention-heads 2 --seq-length 8 "
      "--max-position-embeddings 8 --micro-batch-size 1 --lr 1e-3 --train-iters 7");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              HasSubstr("using torch.float32 for parameters ...\n"
                        "------------------------ arguments ------------------------\n"));
  EXPECT_THAT(result.out, HasSubstr("  train_iters ..................................... 7\n"));
  EXPECT_EQ(result.out.find(" iteration        1/"), std::string::npos);
}

TEST(PretrainCommand, QuietDropsWarningsNotErrors) {
  const std::string words = "pretrain --num-workers 4 --lr 1";
  EXPECT_THAT(weft("config show --num-workerz 4 --quiet").err, StartsWith("error: "));
  const auto result = weft(words + " --quiet");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, StartsWith("error: "));
  const auto env = testing::run_command(fmt::format("WEFT_SEEDS=1 {} config show", WEFT_BINARY));
  EXPECT_THAT(env.err, HasSubstr("warning: the environment variable WEFT_SEEDS"));
  const auto quiet =
      testing::run_command(fmt::format("WEFT_SEEDS=1 {} config show --quiet", WEFT_BINARY));
  EXPECT_EQ(quiet.err, "");
}

}  // namespace
}  // namespace weft
