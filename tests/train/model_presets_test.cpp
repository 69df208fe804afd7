#include "weft/train/model_presets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/temp_dir.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/option_table.hpp"

namespace weft::train {
namespace {

using testing::TempDir;

constexpr const char* kRun =
    " --seq-length 64 --micro-batch-size 1 --lr 1e-3 --train-iters 10 --mock-data "
    "--tokenizer-type NullTokenizer --vocab-size 100";

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

PreparedRun prepare(const std::string& words) { return prepare_run({words_of(words + kRun), {}}); }

struct Published {
  const char* name;
  int64_t vocabulary;
  int64_t parameters;
};

// The totals that the authors' weights have, with their vocabularies.
TEST(ModelPresets, HaveThePublishedNumberOfParameters) {
  constexpr Published kModels[] = {
      {"gpt2-124m", 50257, 124439808},  {"gpt2-350m", 50257, 354823168},
      {"gpt2-1.5b", 50257, 1557611200}, {"llama-160m", 32000, 162417408},
      {"llama-1b", 128256, 1235814400}, {"llama-8b", 128256, 8030261248},
  };
  size_t choices = 0;
  for (const Published& published : kModels) {
    model::ModelConfig model = prepare(std::string("--model ") + published.name).config.model;
    model.vocab_size = published.vocabulary;
    EXPECT_EQ(model.num_parameters(), published.parameters) << published.name;
    ++choices;
  }
  EXPECT_EQ(split_words(find_option("model")->choices, '|').size(), choices);
}

TEST(ModelPresets, FillWhatNobodyGave) {
  const PreparedRun run = prepare("--model llama-1b --num-layers 3 --rotary-base 777");
  EXPECT_EQ(run.config.model.num_layers, 3);
  EXPECT_EQ(run.config.model.rotary.base, 777.0);
  EXPECT_EQ(run.config.model.hidden_size, 2048);
  EXPECT_EQ(run.config.model.query_groups(), 8);
  EXPECT_EQ(run.config.model.hidden_dropout, 0.0);
  const OptionValues& values = run.options.values;
  EXPECT_EQ(name(values.source("num_layers")), "flag");
  EXPECT_EQ(name(values.source("hidden_size")), "preset");
  EXPECT_EQ(name(values.source("swiglu")), "preset");
  EXPECT_EQ(name(values.source("kv_channels")), "derived");
  EXPECT_EQ(name(values.source("init_method_std")), "default");
  EXPECT_TRUE(run.options.warnings.empty());
}

TEST(ModelPresets, StandBelowTheConfigFileAndTheEnvironment) {
  const TempDir dir;
  const auto path = dir / "run.json";
  testing::write_file(path, R"({"model": "llama-8b", "num_layers": 2, "swiglu": false})");
  const ParsedOptions parsed =
      parse_options({{"--config", path.string()}, {{"WEFT_HIDDEN_SIZE", "128"}}});
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_EQ(parsed.values.integer("num_layers"), 2);
  EXPECT_FALSE(parsed.values.flag("swiglu"));
  EXPECT_EQ(parsed.values.integer("hidden_size"), 128);
  EXPECT_EQ(parsed.values.text("normalization"), "RMSNorm");
}

TEST(ModelPresets, AnOlderSpellingOverridesToo) {
  EXPECT_EQ(prepare("--model gpt2-124m --encoder-num-layers 5").config.model.num_layers, 5);
}

TEST(ModelPresets, EverySettingIsAnActingOption) {
  for (const std::string_view model : split_words(find_option("model")->choices, '|')) {
    EXPECT_FALSE(preset_settings(model).empty()) << model;
    for (const auto& [option, value] : preset_settings(model)) {
      const OptionSpec* spec = find_option(option);
      ASSERT_NE(spec, nullptr) << option;
      EXPECT_EQ(spec->status, OptionStatus::acts) << option;
      std::optional<OptionProblem> problem;
      EXPECT_NE(parse_setting(*spec, std::string(value), problem), default_value(*spec)) << option;
      EXPECT_FALSE(problem.has_value()) << option;
    }
  }
  EXPECT_TRUE(preset_settings("").empty());
}

}  // namespace
}  // namespace weft::train
