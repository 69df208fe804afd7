#include "weft/train/checkpoint_args.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "train/training_run.hpp"
#include "weft/base/error.hpp"
#include "weft/checkpoint/train_state.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/model_record.hpp"

namespace weft::train {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using testing::run_pretrain;
using testing::small_llama_run;
using testing::small_run;
using testing::TempDir;

constexpr const char* kRun =
    "--seq-length 32 --micro-batch-size 2 --global-batch-size 4 --lr 1e-2 --train-iters 6 "
    "--mock-data --split 8,1,1 --threads-per-rank 1 --log-interval 1 --eval-interval 3 "
    "--eval-iters 1 --use-checkpoint-args ";

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

PreparedRun prepare(const std::string& extra) { return prepare_run({words_of(kRun + extra), {}}); }

/// `config` saved after three iterations; returns the directory.
std::string save(TrainConfig config, const TempDir& dir) {
  config.eval_iters = 0;
  config.save = (dir / "model").string();
  config.save_interval = config.exit_interval = 3;
  run_pretrain(config);
  return config.save;
}

nlohmann::ordered_json record_of(const TrainConfig& config, const std::string& load) {
  ModelRecord record = record_from_json(checkpoint::load_state(load)->model);
  record.tokenizer = config.tokenizer;
  const int64_t vocab_size = record.model.vocab_size;
  record.model = config.model;
  record.model.vocab_size = vocab_size;
  return to_json(record);
}

std::vector<TrainConfig> models() {
  TrainConfig strange = small_llama_run();
  strange.model.rotary = {.percent = 0.5,
                          .base = 500.0,
                          .pairs = kernels::RotaryPairs::neighbours,
                          .interpolation_factor = 2.0,
                          .llama3_scaling = true,
                          .llama3_scaling_factor = 32.0};
  strange.model.layernorm_1p = true;
  strange.model.qkv_bias = true;
  strange.model.norm_epsilon = 1e-6F;
  TrainConfig erf = small_run();
  erf.model.activation = kernels::Activation::gelu_erf;
  TrainConfig squared = small_run();
  squared.model.activation = kernels::Activation::squared_relu;
  squared.model.position_embedding = model::PositionEmbedding::none;
  return {small_run(), small_llama_run(), strange, erf, squared};
}

TEST(CheckpointArgs, DescribeTheModelThatWasSaved) {
  for (const TrainConfig& config : models()) {
    const TempDir dir;
    const std::string load = save(config, dir);
    const PreparedRun run = prepare("--load " + load);
    EXPECT_EQ(record_of(run.config, load), checkpoint::load_state(load)->model);
  }
}

TEST(CheckpointArgs, ARunGoesOnWithoutItsModelFlags) {
  const TempDir dir;
  TrainConfig config = small_llama_run();
  config.eval_iters = 0;
  const auto whole = run_pretrain(config).numbers(4);
  TrainConfig resumed =
      prepare("--override-opt_param-scheduler --load " + save(config, dir)).config;
  resumed.schedule = config.schedule;
  resumed.eval_iters = 0;
  EXPECT_EQ(run_pretrain(resumed).numbers(4), whole);
}

TEST(CheckpointArgs, SayWhatTheyTookAndFlagsGiveSizesFirst) {
  const TempDir dir;
  const std::string load = save(small_run(), dir);
  const PreparedRun run = prepare("--hidden-size 64 --normalization RMSNorm --load " + load);
  EXPECT_EQ(run.config.model.hidden_size, 64);
  EXPECT_EQ(run.config.model.normalization, model::Normalization::layer_norm);
  EXPECT_THAT(run.options.notices,
              IsSupersetOf({"Setting num_layers to 2 from checkpoint",
                            "Setting normalization to LayerNorm from checkpoint",
                            "Setting swiglu to False from checkpoint",
                            "Checkpoint did not provide arguments hidden_dropout"}));
  EXPECT_THAT(run.options.notices, ::testing::Not(Contains(HasSubstr("Setting hidden_size"))));
}

TEST(CheckpointArgs, LeaveTheTokenizerOnRequest) {
  const TempDir dir;
  const std::string load = save(small_run(), dir);
  EXPECT_EQ(prepare("--load " + load).config.tokenizer.vocab_size, 4095);
  const std::string own =
      "--no-use-tokenizer-model-from-checkpoint-args --vocab-file v --merge-file m";
  const PreparedRun run = prepare(own + " --load " + load);
  EXPECT_EQ(run.config.tokenizer.type, "GPT2BPETokenizer");
  EXPECT_THAT(run.options.notices, ::testing::Not(Contains(HasSubstr("tokenizer_type"))));
}

TEST(CheckpointArgs, WithoutACheckpointTheFlagsCount) {
  const TempDir dir;
  const PreparedRun run = prepare(
      "--num-layers 2 --hidden-size 32 --num-attention-heads 4 --max-position-embeddings 32 "
      "--tokenizer-type NullTokenizer --vocab-size 100 --load " +
      (dir / "nothing").string());
  EXPECT_EQ(run.options.notices.front(),
            "Checkpoint not found to provide arguments, using provided arguments.");
  EXPECT_EQ(run.config.model.num_layers, 2);
}

}  // namespace
}  // namespace weft::train
