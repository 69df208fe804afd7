// What a run takes from the checkpoint that it starts from.
#include "weft/train/load_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/training_run.hpp"
#include "weft/base/error.hpp"
#include "weft/checkpoint/train_state.hpp"

namespace weft::train {
namespace {

using ::testing::HasSubstr;
using testing::run_pretrain;
using testing::RunOutput;
using testing::small_run;
using testing::TempDir;

/// Checkpoints of iterations 2 and 4 of a run of 6.
class LoadRun : public ::testing::Test {
 protected:
  void SetUp() override {
    config_ = small_run();
    config_.eval_iters = 0;
    config_.save = (dir_ / "model").string();
    config_.save_interval = 2;
    config_.exit_interval = 4;
    run_pretrain(config_);
    config_.load = config_.save;
    config_.save.clear();
    config_.exit_interval.reset();
  }

  std::string failure() const {
    try {
      run_pretrain(config_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
      return std::string(error.what()) + "; try " + error.hint();
    }
    return "";
  }

  static double first_loss(const RunOutput& output) { return output.metrics.at(0).at("lm_loss"); }
  static double first_rate(const RunOutput& output) {
    return output.metrics.at(0).at("learning_rate");
  }

  TempDir dir_;
  TrainConfig config_;
};

TEST_F(LoadRun, AStepOtherThanTheLatest) {
  config_.ckpt_step = 2;
  const RunOutput output = run_pretrain(config_);
  EXPECT_EQ(output.metrics.size(), 4U);
  EXPECT_TRUE(output.printed(" loading checkpoint from " + config_.load + " at iteration 2"));
  config_.load.clear();
  config_.ckpt_step.reset();
  EXPECT_EQ(output.numbers(), run_pretrain(config_).numbers(3));
}

TEST_F(LoadRun, AStepThatWasNotSavedIsRefused) {
  config_.ckpt_step = 3;
  EXPECT_THAT(failure(), HasSubstr("(got --ckpt-step 3, the latest is 4)"));
}

TEST_F(LoadRun, FinetuningTakesTheWeightsAlone) {
  const double resumed = first_loss(run_pretrain(config_));
  config_.finetune = true;
  const RunOutput output = run_pretrain(config_);
  ASSERT_EQ(output.metrics.size(), 6U);
  EXPECT_EQ(output.metrics[0].at("consumed_samples"), 4);
  EXPECT_EQ(first_rate(output), first_rate(run_pretrain([&] {
              TrainConfig fresh = config_;
              fresh.load.clear();
              return fresh;
            }())));
  EXPECT_LT(first_loss(output), std::log(4096.0) - 0.1);  // trained already
  EXPECT_NE(first_loss(output), resumed);                 // on the first samples again
}

TEST_F(LoadRun, WithoutTheOptimizerItsStateAndTheScheduleStartAgain) {
  const RunOutput with = run_pretrain(config_);
  config_.no_load_optim = true;
  const RunOutput without = run_pretrain(config_);
  ASSERT_EQ(without.metrics.size(), 2U);
  EXPECT_EQ(first_loss(without), first_loss(with));  // the same weights and samples
  EXPECT_NE(without.metrics[1].at("lm_loss"), with.metrics[1].at("lm_loss"));
  EXPECT_NEAR(first_rate(without), 1e-2 * 20 / 24, 1e-12);
}

TEST_F(LoadRun, ACheckpointWithoutOptimizerNamesTheWaysOut) {
  config_.ckpt_step = 2;
  config_.exit_interval = 4;
  config_.save = (dir_ / "weights").string();
  config_.no_save_optim = true;
  run_pretrain(config_);
  EXPECT_FALSE(std::filesystem::exists(checkpoint::iteration_directory(config_.save, 4) /
                                       "optimizer.safetensors"));
  config_.load = config_.save;
  config_.save.clear();
  config_.ckpt_step.reset();
  config_.exit_interval.reset();
  EXPECT_THAT(failure(), HasSubstr("has no optimizer.safetensors"));
  EXPECT_THAT(failure(), HasSubstr("--no-load-optim or --finetune"));
  config_.no_load_optim = true;
  EXPECT_EQ(failure(), "");
}

TEST_F(LoadRun, APretrainedModelStandsInForAMissingCheckpoint) {
  config_.finetune = true;
  const auto finetuned = run_pretrain(config_).numbers();
  config_.finetune = false;
  config_.pretrained_checkpoint = config_.load;
  config_.load = (dir_ / "nothing").string();
  const RunOutput output = run_pretrain(config_);
  EXPECT_TRUE(output.printed("Checkpoint file not found in load directory " + config_.load +
                             " attempting to finetune with checkpoint in " +
                             config_.pretrained_checkpoint));
  EXPECT_EQ(output.numbers(), finetuned);
  config_.pretrained_checkpoint = config_.load;
  EXPECT_THAT(failure(), HasSubstr("No checkpoint found in load directory or pretrained"));
}

TEST_F(LoadRun, AMissingCheckpointCanEndTheRun) {
  config_.load = (dir_ / "nothing").string();
  config_.exit_on_missing_checkpoint = true;
  const RunOutput output = run_pretrain(config_);
  EXPECT_EQ(output.lines.back(), ">> '--exit-on-missing-checkpoint' set ... exiting. <<");
  EXPECT_TRUE(output.metrics.empty());
}

TEST_F(LoadRun, SchedulesMustAgreeUnlessAFlagSaysWhoseCount) {
  config_.schedule.lr = 5e-3;
  EXPECT_THAT(failure(), HasSubstr("class input value 0.005 and checkpointvalue 0.01 for learning "
                                   "rate do not match"));
  EXPECT_THAT(failure(), HasSubstr("--override-opt_param-scheduler"));

  config_.schedule_source = ScheduleSource::flags;
  const RunOutput flags = run_pretrain(config_);
  EXPECT_TRUE(flags.printed(" > overriding learning rate value to 0.005"));
  EXPECT_NEAR(first_rate(flags), 5e-3 * 4 / 24, 1e-12);

  config_.schedule_source = ScheduleSource::checkpoint;
  const RunOutput saved = run_pretrain(config_);
  EXPECT_TRUE(saved.printed(" > using checkpoint value 0.01 for learning rate"));
  EXPECT_NEAR(first_rate(saved), 1e-2 * 4 / 24, 1e-12);
}

TEST(ScheduleRecord, EveryValueIsCompared) {
  const optim::ScheduleConfig wanted;
  std::vector<std::string> lines;
  optim::ScheduleConfig other;
  other.lr = other.min_lr = other.lr_warmup_samples = other.lr_decay_samples = 7.0;
  other.start_weight_decay = other.end_weight_decay = other.weight_decay_incr_samples = 7.0;
  other.lr_decay_style = other.weight_decay_incr_style = "cosine";
  resumed_schedule(wanted, to_json(other), ScheduleSource::checkpoint, lines);
  EXPECT_EQ(lines.size(), 9U);
  EXPECT_NO_THROW(
      resumed_schedule(wanted, nlohmann::ordered_json::object(), ScheduleSource::agreed, lines));
  nlohmann::ordered_json damaged = to_json(wanted);
  damaged["max_lr"] = "fast";
  EXPECT_THROW(resumed_schedule(wanted, damaged, ScheduleSource::agreed, lines), Error);
}

TEST_F(LoadRun, DecoupledRatesAreSettledAsTheOthers) {
  config_.schedule.decoupled_lr = 5e-3;
  EXPECT_THAT(failure(), HasSubstr("class input value 0.005 and checkpointvalue None for decoupled "
                                   "learning rate do not match"));
  config_.schedule_source = ScheduleSource::flags;
  config_.save = config_.load;
  const RunOutput output = run_pretrain(config_);
  EXPECT_TRUE(output.printed(" > overriding decoupled learning rate value to 0.005"));
  EXPECT_TRUE(output.printed("| decoupled learning rate: "));
  EXPECT_TRUE(output.metrics.at(0).contains("decoupled_learning_rate"));
  config_.schedule_source = ScheduleSource::agreed;
  EXPECT_EQ(failure(), "");
  config_.schedule.decoupled_lr.reset();
  config_.schedule_source = ScheduleSource::checkpoint;
  EXPECT_TRUE(
      run_pretrain(config_).printed(" > using checkpoint value 0.005 for decoupled learning rate"));
}

TEST_F(LoadRun, WithoutInitializationTheCheckpointHasAllWeights) {
  const auto drawn = run_pretrain(config_).numbers();
  ASSERT_FALSE(drawn.empty());
  config_.draw_weights = false;
  EXPECT_EQ(run_pretrain(config_).numbers(), drawn);
}

TEST_F(LoadRun, WithoutInitializationThereMustBeACheckpoint) {
  config_.load = (dir_ / "nothing").string();
  config_.draw_weights = false;
  EXPECT_EQ(failure(), "there are no weights to start from: --no-initialization draws none and " +
                           config_.load +
                           " has no checkpoint; try --load DIR with a checkpoint, or no "
                           "--no-initialization");
  config_.exit_on_missing_checkpoint = true;
  EXPECT_TRUE(run_pretrain(config_).metrics.empty());
}

}  // namespace
}  // namespace weft::train
