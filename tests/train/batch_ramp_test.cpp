// Runs whose batch grows, shrinks to whole microbatches, or is passed over.
#include <gtest/gtest.h>

#include "train/training_run.hpp"
#include "weft/checkpoint/train_state.hpp"

namespace weft::train {
namespace {

using testing::run_pretrain;
using testing::RunOutput;
using testing::small_run;
using testing::TempDir;

// Batches of 2, 4 and 6 samples over the first 12, then 6: 2 2 4 4 6 ...
TrainConfig ramp_run() {
  TrainConfig config = small_run();
  config.global_batch_size = 6;
  config.batch_ramp = BatchRamp{.start = 2, .increment = 2, .samples = 8};
  config.train_samples = 30;
  config.train_iters = config.batch_schedule().length(30).iterations;
  config.schedule.lr_decay_samples = config.schedule.weight_decay_incr_samples = 30;
  return config;
}

std::vector<int64_t> consumed(const RunOutput& output) {
  std::vector<int64_t> samples;
  for (const nlohmann::json& record : output.metrics) {
    if (record.contains("consumed_samples")) samples.push_back(record.at("consumed_samples"));
  }
  return samples;
}

TEST(BatchRamp, IterationsTakeTheSamplesOfTheRamp) {
  const RunOutput output = run_pretrain(ramp_run());
  EXPECT_EQ(consumed(output), (std::vector<int64_t>{2, 4, 8, 14, 20, 26}));
  EXPECT_TRUE(output.printed("setting training iterations to 6"));
  EXPECT_TRUE(output.printed("    train:      30"));
  EXPECT_TRUE(output.printed("iteration        1/       6 | consumed samples:            2 |"));
  EXPECT_TRUE(output.printed("global batch size:     2 | lm loss"));
  EXPECT_TRUE(output.printed("global batch size:     4 | lm loss"));
  EXPECT_TRUE(output.printed("global batch size:     6 | lm loss"));
  EXPECT_TRUE(output.printed("Evaluating on 6 samples"));  // evaluations take the full batch
  // The schedule counts samples: linear from 1e-2 to 0 over 30.
  EXPECT_NEAR(output.metrics[0].at("learning_rate").get<double>(), 1e-2 * 28 / 30, 1e-12);
  EXPECT_NEAR(output.metrics[2].at("learning_rate").get<double>(), 1e-2 * 22 / 30, 1e-12);
}

TEST(BatchRamp, AnIterationEqualsThatOfAConstantBatch) {
  TrainConfig constant = small_run();
  constant.global_batch_size = 2;
  constant.train_iters = 2;
  constant.schedule.lr_decay_samples = 30;
  constant.eval_iters = 0;
  const RunOutput output = run_pretrain(ramp_run());
  const RunOutput expected = run_pretrain(constant);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(output.metrics[i].at("lm_loss"), expected.metrics[i].at("lm_loss"));
    EXPECT_EQ(output.metrics[i].at("grad_norm"), expected.metrics[i].at("grad_norm"));
  }
}

TEST(BatchRamp, AResumedRunGoesOnInsideTheRamp) {
  const TempDir dir;
  TrainConfig config = ramp_run();
  const auto whole = run_pretrain(config).numbers(3);
  config.save = (dir / "model").string();
  config.save_interval = 100;
  config.exit_interval = 2;
  run_pretrain(config);
  config.load = config.save;
  config.exit_interval.reset();
  const RunOutput resumed = run_pretrain(config);
  EXPECT_EQ(consumed(resumed), (std::vector<int64_t>{8, 14, 20, 26}));
  EXPECT_EQ(resumed.numbers(3), whole);
}

TEST(BatchRamp, ACheckpointIsSavedBeforeTheBatchGrows) {
  const TempDir dir;
  TrainConfig config = ramp_run();
  config.save = (dir / "model").string();
  config.save_interval = 100;
  run_pretrain(config);
  for (int64_t iteration = 1; iteration <= config.train_iters; ++iteration) {
    const bool expected = iteration == 2 || iteration == 3 || iteration == config.train_iters;
    EXPECT_EQ(std::filesystem::exists(checkpoint::iteration_directory(config.save, iteration)),
              expected)
        << iteration;
  }
}

TEST(BatchRamp, ABatchRoundedDownCountsWhatItLeavesOut) {
  TrainConfig config = small_run();
  config.train_iters = 2;
  config.eval_iters = 0;
  const auto expected = run_pretrain(config).numbers();
  config.global_batch_size = 5;
  const RunOutput output = run_pretrain(config);
  EXPECT_EQ(output.numbers(), expected);
  EXPECT_EQ(consumed(output), (std::vector<int64_t>{4, 8}));
  EXPECT_TRUE(output.printed("consumed samples:            8 | skipped samples:            2 |"));
}

TEST(IterationsToSkip, TheirSamplesArePassedOver) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.train_iters = 4;
  config.eval_iters = 0;
  config.iterations_to_skip = {0, 2};
  const RunOutput output = run_pretrain(config);
  EXPECT_EQ(consumed(output), (std::vector<int64_t>{8, 16}));
  EXPECT_TRUE(
      output.printed("iteration        2/       4 | consumed samples:            8 | "
                     "skipped samples:            4 |"));
  // The learning rate has moved by two iterations of 4 samples, out of 24.
  EXPECT_NEAR(output.metrics[1].at("learning_rate").get<double>(), 1e-2 * 16 / 24, 1e-12);

  config.save = (dir / "model").string();
  config.save_interval = 100;
  config.exit_interval = 2;
  run_pretrain(config);
  EXPECT_EQ(checkpoint::load_state(config.save)->skipped_train_samples, 4);
  config.load = config.save;
  config.exit_interval.reset();
  EXPECT_EQ(run_pretrain(config).numbers(3), output.numbers(3));
}

}  // namespace
}  // namespace weft::train
