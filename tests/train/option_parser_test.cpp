#include "weft/train/option_parser.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.hpp"

namespace weft::train {
namespace {

using ::testing::HasSubstr;

ParsedOptions parse(std::vector<std::string> words) {
  return parse_options({std::move(words), {}});
}

std::string only_problem(const ParsedOptions& parsed) {
  EXPECT_EQ(parsed.problems.size(), 1U);
  return parsed.problems.empty() ? "" : parsed.problems.front().message;
}

TEST(OptionParser, ReadsEveryKindOfValue) {
  const ParsedOptions parsed =
      parse({"--fp16", "--disable-bias-linear", "--lr", "6.0e-5", "--num-layers=16", "--save",
             "data", "--data-path", "0.3", "a", "0.7", "b", "--iterations-to-skip", "1", "2",
             "--use-dpp", "--moe-layer-freq", "[0, 1]"});
  ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
  EXPECT_TRUE(parsed.values.flag("fp16"));
  EXPECT_FALSE(parsed.values.flag("add_bias_linear"));
  EXPECT_EQ(print_python(parsed.values.at("lr")), "6e-05");
  EXPECT_EQ(parsed.values.integer("num_layers"), 16);
  EXPECT_EQ(parsed.values.text("save"), "data");
  EXPECT_EQ(print_python(parsed.values.at("data_path")), "['0.3', 'a', '0.7', 'b']");
  EXPECT_EQ(print_python(parsed.values.at("iterations_to_skip")), "[1, 2]");
  EXPECT_EQ(print_python(parsed.values.at("use_dpp")), "True");
  EXPECT_EQ(print_python(parsed.values.at("moe_layer_freq")), "[0, 1]");
}

TEST(OptionParser, OptionalValueOfUseDpp) {
  EXPECT_EQ(print_python(parse({"--use-dpp", "1"}).values.at("use_dpp")), "1");
  EXPECT_EQ(print_python(parse({"--use-dpp", "--fp16"}).values.at("use_dpp")), "True");
}

TEST(OptionParser, NegativeNumbersAreValues) {
  const ParsedOptions parsed = parse({"--inference-batch-times-seqlen-threshold", "-3"});
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.values.integer("inference_batch_times_seqlen_threshold"), -3);
}

TEST(OptionParser, TheLastOfEqualFlagsCounts) {
  const ParsedOptions parsed =
      parse({"--data-path", "a", "b", "--lr", "1", "--data-path", "c", "--lr", "2"});
  EXPECT_EQ(parsed.values.words("data_path"), std::vector<std::string>{"c"});
  EXPECT_EQ(parsed.values.real("lr"), 2.0);
}

TEST(OptionParser, UnknownFlagsNameTheNearest) {
  const ParsedOptions parsed = parse({"--hidden-sise", "64", "--num-layers", "2"});
  EXPECT_THAT(only_problem(parsed), HasSubstr("got --hidden-sise"));
  EXPECT_EQ(parsed.problems.front().hint, "--hidden-size");
  EXPECT_EQ(parsed.values.integer("num_layers"), 2);
}

TEST(OptionParser, FlagsAreNotAbbreviated) {
  EXPECT_THAT(only_problem(parse({"--hidden", "64"})), HasSubstr("unknown option (got --hidden"));
}

TEST(OptionParser, MissingAndWrongValues) {
  EXPECT_THAT(only_problem(parse({"--lr", "--fp16"})), HasSubstr("--lr has no value"));
  EXPECT_THAT(only_problem(parse({"--lr", "fast"})), HasSubstr("(got fast, expected a number)"));
  EXPECT_THAT(only_problem(parse({"--num-layers", "2.5"})), HasSubstr("got 2.5"));
  EXPECT_THAT(only_problem(parse({"--num-layers", "99999999999999999999"})),
              HasSubstr("expected a 64-bit integer"));
  EXPECT_THAT(only_problem(parse({"--optimizer", "lion"})), HasSubstr("expected one of adam, sgd"));
  EXPECT_THAT(only_problem(parse({"--timing-log-level", "3"})), HasSubstr("one of 0, 1, 2"));
  EXPECT_THAT(only_problem(parse({"--fp16=yes"})), HasSubstr("it is a switch"));
  EXPECT_THAT(only_problem(parse({"stray"})), HasSubstr("unexpected word (got stray"));
  EXPECT_THAT(only_problem(parse({"--profile-ranks"})), HasSubstr("has no value"));
}

TEST(OptionParser, AllProblemsAreReportedTogether) {
  EXPECT_EQ(parse({"--nope", "--lr", "x", "--optimizer", "y"}).problems.size(), 3U);
}

TEST(OptionParser, FlagsWinOverEnvironmentOverFile) {
  const testing::TempDir dir;
  const auto file = testing::write_file(
      dir / "run.json", R"({"lr": 0.1, "seed": 5, "num-layers": 3, "eval_iters": 2})");
  const ParsedOptions parsed = parse_options(
      {{"--config", file.string(), "--lr", "0.3"}, {{"WEFT_LR", "0.2"}, {"WEFT_SEED", "6"}}});
  ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
  EXPECT_EQ(parsed.values.real("lr"), 0.3);
  EXPECT_EQ(parsed.values.source("lr"), ValueSource::flag);
  EXPECT_EQ(parsed.values.integer("seed"), 6);
  EXPECT_EQ(parsed.values.source("seed"), ValueSource::environment);
  EXPECT_EQ(parsed.values.integer("num_layers"), 3);
  EXPECT_EQ(parsed.values.source("num_layers"), ValueSource::config_file);
  EXPECT_EQ(parsed.values.source("weight_decay"), ValueSource::defaults);
}

TEST(OptionParser, ConfigFilesOfLines) {
  const testing::TempDir dir;
  const auto file = testing::write_file(dir / "run.ini",
                                        "# a comment\n[model]\nnum_layers = 4\n"
                                        "add_bias_linear = false\ndata_path = 0.5 a 0.5 b\n"
                                        "save = two words\n");
  const ParsedOptions parsed = parse({"--config", file.string()});
  ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
  EXPECT_EQ(parsed.values.integer("num_layers"), 4);
  EXPECT_FALSE(parsed.values.flag("add_bias_linear"));
  EXPECT_EQ(parsed.values.words("data_path").size(), 4U);
  EXPECT_EQ(parsed.values.text("save"), "two words");
}

TEST(OptionParser, ConfigFileKeysAreStrict) {
  const testing::TempDir dir;
  const auto read = [&](const std::string& text) {
    return parse({"--config", testing::write_file(dir / "run", text).string()});
  };
  EXPECT_THAT(only_problem(read(R"({"num_layer": 4})")), HasSubstr("unknown name (got num_layer"));
  EXPECT_EQ(read(R"({"num_layer": 4})").problems.front().hint, "num_layers");
  EXPECT_THAT(only_problem(read(R"({"lr": 1, "lr": 2})")), HasSubstr("twice (got lr)"));
  EXPECT_THAT(only_problem(read("lr = 1\nlr = 2\n")), HasSubstr("twice (got lr)"));
  EXPECT_THAT(only_problem(read(R"({"lr": )")), HasSubstr("malformed JSON"));
  EXPECT_THAT(only_problem(read("lr 1\n")), HasSubstr("line 1"));
  EXPECT_THAT(only_problem(read(R"({"lr": "x"})")), HasSubstr("in the config file"));
  EXPECT_THAT(only_problem(read(R"({"seed": null})")), HasSubstr("--seed has a wrong value"));
  EXPECT_TRUE(read(R"({"load": null})").problems.empty());
  EXPECT_THAT(only_problem(read(R"({"params_dtype": "x"})")), HasSubstr("unknown name"));
  EXPECT_EQ(parse({"--config", (dir / "absent").string()}).problems.size(), 1U);
}

TEST(OptionParser, EnvironmentSlipsAreWarnedAbout) {
  const ParsedOptions parsed =
      parse_options({{}, {{"WEFT_SEEDS", "1"}, {"WEFT_REFERENCE_DIR", "x"}}});
  EXPECT_TRUE(parsed.problems.empty());
  ASSERT_EQ(parsed.warnings.size(), 1U);
  EXPECT_THAT(parsed.warnings.front(), HasSubstr("WEFT_SEEDS"));
  EXPECT_THAT(only_problem(parse_options({{}, {{"WEFT_SEED", "x"}}})),
              HasSubstr("in the environment variable WEFT_SEED"));
}

TEST(OptionValue, PrintsAsPythonDoes) {
  EXPECT_EQ(print_python(OptionValue{}), "None");
  EXPECT_EQ(print_python(OptionValue{true}), "True");
  EXPECT_EQ(print_python(1e-08), "1e-08");
  EXPECT_EQ(print_python(0.0001), "0.0001");
  EXPECT_EQ(print_python(500.0), "500.0");
  EXPECT_EQ(print_python(4294967296.0), "4294967296.0");
  EXPECT_EQ(print_python(1e16), "1e+16");
  EXPECT_EQ(print_python(OptionValue{std::vector<std::string>{"it's", "a\\b", "\n"}}),
            "[\"it's\", 'a\\\\b', '\\n']");
  EXPECT_EQ(print_python(OptionValue{std::vector<int64_t>{}}), "[]");
}

}  // namespace
}  // namespace weft::train
