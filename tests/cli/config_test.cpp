// weft config show: every option, its value and where it comes from.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;

testing::CommandResult weft(const std::string& words, const std::string& environment = "") {
  return testing::run_command(fmt::format("{} {} {}", environment, WEFT_BINARY, words));
}

TEST(ConfigCommand, FileEnvironmentAndFlagsInThatOrder) {
  const testing::TempDir dir;
  const auto file = testing::write_file(dir / "run.ini", "lr = 0.1\nseed = 5\neval_iters = 7\n");
  const auto result =
      weft("config show --lr 0.3 --config " + file.string(), "WEFT_LR=0.2 WEFT_SEED=6");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\nlr = 0.3  (flag)\n"));
  EXPECT_THAT(result.out, HasSubstr("\nseed = 6  (environment)\n"));
  EXPECT_THAT(result.out, HasSubstr("\neval_iters = 7  (config file)\n"));
  EXPECT_THAT(result.out, HasSubstr("\nclip_grad = 1.0  (default)\n"));
  EXPECT_THAT(result.out, HasSubstr("\nparams_dtype = torch.float32  (derived)\n"));
}

TEST(ConfigCommand, PresetsFillWhatNothingElseSays) {
  const auto result = weft("config show --model llama-160m --num-layers 2", "WEFT_ROTARY_BASE=500");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("num_layers = 2  (flag)\n"));
  EXPECT_THAT(result.out, HasSubstr("\nhidden_size = 768  (preset)\n"));
  EXPECT_THAT(result.out, HasSubstr("\nnormalization = RMSNorm  (preset)\n"));
  EXPECT_THAT(result.out, HasSubstr("\nrotary_base = 500  (environment)\n"));
  const auto unknown = weft("config show --model llama-7b");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--model has a wrong value (got llama-7b"));
}

TEST(ConfigCommand, JsonHoldsTypedValues) {
  const auto result = weft(
      "config show --json --lr 6.0e-5 --data-path a --hidden-size 8 "
      "--num-attention-heads 2");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto options = nlohmann::json::parse(result.out).at("options");
  EXPECT_GT(options.size(), 479U);
  EXPECT_EQ(options.at("lr").at("value").get<double>(), 6.0e-5);
  EXPECT_EQ(options.at("lr").at("origin"), "flag");
  EXPECT_EQ(options.at("data_path").at("value"), nlohmann::json::array({"a"}));
  EXPECT_EQ(options.at("ffn_hidden_size").at("value"), 32);
  EXPECT_EQ(options.at("ffn_hidden_size").at("origin"), "derived");
  EXPECT_TRUE(options.at("load").at("value").is_null());
  EXPECT_EQ(options.at("json").at("value"), true);
}

TEST(ConfigCommand, StrictFilesAreUsageErrors) {
  const testing::TempDir dir;
  const auto file = testing::write_file(dir / "run.json", R"({"learning_rate": 1})");
  const auto result = weft("config show --config " + file.string());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("got learning_rate"));
  EXPECT_EQ(weft("config show --config " + (dir / "absent").string()).exit_code, 2);
}

TEST(ConfigCommand, MarkdownListsEveryOption) {
  const auto result = weft("config show --markdown");
  ASSERT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("| hidden_size | `--hidden-size` |"));
  EXPECT_THAT(result.out, HasSubstr("| world_size | `--world-size` |"));
}

}  // namespace
}  // namespace weft
