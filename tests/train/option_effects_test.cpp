// Each acting option, given alone, changes the field of TrainConfig that carries it. That the field
// then changes the run is tested where the field is used.
#include "train/option_effects.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "weft/base/error.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/option_table.hpp"

namespace weft::train {
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// "--flag None" in the words takes an option of the base command away.
TrainConfig config_with(const std::string& extra) {
  std::map<std::string, std::vector<std::string>> flags;
  std::string flag;
  for (const std::string& word :
       words_of("--num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 16 "
                "--max-position-embeddings 16 --micro-batch-size 2 --global-batch-size 4 --lr 1e-3 "
                "--train-iters 10 --data-path data --vocab-file v.json --merge-file m.txt " +
                extra)) {
    if (word.starts_with("--"))
      flags[flag = word].clear();
    else
      flags[flag].push_back(word);
  }
  std::vector<std::string> words;
  for (const auto& [name, values] : flags) {
    if (values == std::vector<std::string>{"None"}) continue;
    words.push_back(name);
    words.insert(words.end(), values.begin(), values.end());
  }
  return prepare_run({words, {}}).config;
}

void check_effects(const std::string& test) {
  const TrainConfig base = config_with("");
  size_t checked = 0;
  for (const OptionEffect& effect : option_effects()) {
    if (effect.test != test) continue;
    EXPECT_NE(effect.look(base), effect.expected) << effect.option << " shows nothing";
    EXPECT_EQ(effect.look(config_with(effect.words)), effect.expected) << effect.option;
    ++checked;
  }
  EXPECT_GT(checked, 0U) << test;
}

TEST(OptionEffects, Device) { check_effects("Device"); }
TEST(OptionEffects, ModelSizes) { check_effects("ModelSizes"); }
TEST(OptionEffects, ModelVariants) { check_effects("ModelVariants"); }
TEST(OptionEffects, QueryGroups) { check_effects("QueryGroups"); }
TEST(OptionEffects, Positions) { check_effects("Positions"); }
TEST(OptionEffects, Rotary) { check_effects("Rotary"); }
TEST(OptionEffects, Norms) { check_effects("Norms"); }
TEST(OptionEffects, Biases) { check_effects("Biases"); }
TEST(OptionEffects, ElementType) { check_effects("ElementType"); }
TEST(OptionEffects, LossScale) { check_effects("LossScale"); }
TEST(OptionEffects, Recompute) { check_effects("Recompute"); }
TEST(OptionEffects, Dropout) { check_effects("Dropout"); }
TEST(OptionEffects, InitialWeights) { check_effects("InitialWeights"); }
TEST(OptionEffects, Seed) { check_effects("Seed"); }
TEST(OptionEffects, Vocabulary) { check_effects("Vocabulary"); }
TEST(OptionEffects, Optimizer) { check_effects("Optimizer"); }
TEST(OptionEffects, WeightDecay) { check_effects("WeightDecay"); }
TEST(OptionEffects, LearningRate) { check_effects("LearningRate"); }
TEST(OptionEffects, SampleBasedTraining) { check_effects("SampleBasedTraining"); }
TEST(OptionEffects, DataPaths) { check_effects("DataPaths"); }
TEST(OptionEffects, Sampling) { check_effects("Sampling"); }
TEST(OptionEffects, DocumentBorders) { check_effects("DocumentBorders"); }
TEST(OptionEffects, Aliases) { check_effects("Aliases"); }
TEST(OptionEffects, BatchSizes) { check_effects("BatchSizes"); }
TEST(OptionEffects, LossMean) { check_effects("LossMean"); }
TEST(OptionEffects, BatchRamp) { check_effects("BatchRamp"); }
TEST(OptionEffects, TrainingLength) { check_effects("TrainingLength"); }
TEST(OptionEffects, Evaluation) { check_effects("Evaluation"); }
TEST(OptionEffects, Checks) { check_effects("Checks"); }
TEST(OptionEffects, Logging) { check_effects("Logging"); }
TEST(OptionEffects, TensorBoard) { check_effects("TensorBoard"); }
TEST(OptionEffects, Checkpoints) { check_effects("Checkpoints"); }
TEST(OptionEffects, Threads) { check_effects("Threads"); }
TEST(OptionEffects, Pipeline) { check_effects("Pipeline"); }

TEST(OptionEffects, Replicas) {
  check_effects("Replicas");
  const TrainConfig config = config_with("--world-size 4 --pipeline-model-parallel-size 2");
  EXPECT_EQ(config.pipeline.num_replicas, 2);
  EXPECT_EQ(config.batch_schedule().full().run, 4);
}

// As in Megatron the older flag says what rotary positions say anyway, and is wrong without them.
TEST(OptionEffects, NoPositionTable) {
  EXPECT_NO_THROW(config_with("--no-position-embedding --position-embedding-type rope"));
  try {
    config_with("--no-position-embedding");
    FAIL() << "a model without positions was built from a deprecated flag";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "--no-position-embedding is deprecated, use --position-embedding-type");
    EXPECT_EQ(error.hint(), "--position-embedding-type none");
  }
}

TEST(OptionEffects, EveryActingOptionIsInItsTest) {
  std::set<std::pair<std::string, std::string>> covered = {
      {"OptionEffects.NoPositionTable", "add_position_embedding"}};
  for (const OptionEffect& effect : option_effects()) {
    covered.emplace("OptionEffects." + effect.test, effect.option);
  }
  for (const OptionSpec& spec : option_table()) {
    if (spec.status != OptionStatus::acts || !spec.note.starts_with("OptionEffects.")) continue;
    EXPECT_TRUE(covered.contains({std::string(spec.note), std::string(spec.name)})) << spec.name;
  }
}

}  // namespace
}  // namespace weft::train
