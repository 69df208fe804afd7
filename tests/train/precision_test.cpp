// Whole runs in bf16 and fp16, and with recomputation.
#include <gtest/gtest.h>

#include "train/training_run.hpp"
#include "weft/train/memory_plan.hpp"
#include "weft/train/pretrain.hpp"

namespace weft::train {
namespace {

using testing::run_pretrain;
using testing::RunOutput;
using testing::small_llama_run;
using testing::small_run;
using testing::TempDir;

TrainConfig run_in(DType dtype, TrainConfig config = small_run()) {
  config.model.dtype = dtype;
  config.optimizer.loss_scale.dynamic = dtype == DType::f16;
  return config;
}

/// Mean loss of the last ten iterations.
double final_loss(const RunOutput& output) {
  std::vector<double> losses;
  for (const auto& record : output.metrics) {
    if (record.contains("grad_norm")) losses.push_back(record.at("lm_loss"));
  }
  double sum = 0.0;
  for (size_t i = losses.size() - 10; i < losses.size(); ++i) sum += losses[i];
  return sum / 10.0;
}

class Precision : public ::testing::TestWithParam<DType> {};

TEST_P(Precision, TwoHundredStepsReachTheLossOfFp32) {
  TrainConfig config = small_run();
  config.train_iters = 200;
  config.eval_iters = 0;
  config.schedule.lr = 3e-3;
  config.schedule.lr_decay_samples = 800;
  config.schedule.weight_decay_incr_samples = 800;
  const double expected = final_loss(run_pretrain(config));
  // The dynamic scale starts where it overflows; 200 updates take a few iterations more.
  TrainConfig low = run_in(GetParam(), config);
  low.optimizer.loss_scale.initial = 65536.0;
  const double reached = final_loss(run_pretrain(low));
  EXPECT_NEAR(reached, expected, 0.01 * expected);
}

TEST_P(Precision, TheSameCommandAndAnyThreadsGiveTheSameBits) {
  TrainConfig config = run_in(GetParam());
  const RunOutput first = run_pretrain(config);
  EXPECT_EQ(run_pretrain(config).numbers(), first.numbers());
  config.threads_per_rank = 2;
  EXPECT_EQ(run_pretrain(config).numbers(), first.numbers());
}

TEST_P(Precision, AResumedRunEqualsTheUninterruptedOne) {
  const TempDir dir;
  TrainConfig config = run_in(GetParam(), small_llama_run());
  config.optimizer.loss_scale.window = 3;
  config.optimizer.loss_scale.initial = 1024.0;
  config.train_iters = 8;
  config.eval_iters = 0;
  const RunOutput whole = run_pretrain(config);
  config.save = dir.path().string();
  config.exit_interval = 4;
  run_pretrain(config);
  config.load = config.save;
  config.save.clear();
  config.exit_interval.reset();
  EXPECT_EQ(run_pretrain(config).numbers(5), whole.numbers(5));
}

INSTANTIATE_TEST_SUITE_P(Types, Precision, ::testing::Values(DType::bf16, DType::f16),
                         [](const auto& type) { return std::string(name(type.param)); });

// The seed's run starts like this: the scale is printed as it is after the iteration, and no
// iteration counts until it fits.
TEST(LossScale, OverflowsSkipIterationsAndHalveTheScale) {
  TrainConfig config = run_in(DType::f16);
  config.eval_iters = 0;
  config.check_for_nan = false;
  const RunOutput output = run_pretrain(config);
  EXPECT_TRUE(output.printed("loss scale: 4294967296.0 |"));
  EXPECT_TRUE(output.printed("loss scale: 2147483648.0 |"));
  EXPECT_TRUE(
      output.printed("number of skipped iterations:   1 | number of nan iterations:   0 |"));
  EXPECT_EQ(output.metrics[0].at("skipped"), true);
  EXPECT_EQ(output.metrics[0].at("loss_scale"), 4294967296.0);
  EXPECT_EQ(output.metrics[2].at("loss_scale"), 2147483648.0);
}

TEST(LossScale, AConstantScaleChangesNoUpdateInFp32) {
  TrainConfig config = small_run();
  const RunOutput plain = run_pretrain(config);
  config.optimizer.loss_scale.constant = 1024.0;  // a power of two: exact
  const RunOutput scaled = run_pretrain(config);
  EXPECT_EQ(scaled.numbers(), plain.numbers());
  EXPECT_TRUE(scaled.printed("loss scale: 1024.0 |"));
}

TEST(Recompute, ARunHasTheBitsAndThePlanShrinks) {
  TrainConfig config = run_in(DType::bf16);
  config.model.num_layers = 4;
  config.model.vocab_size = 4096;
  const auto numbers = run_pretrain(config).numbers();
  const int64_t kept = plan_memory(config).activation_bytes;
  using model::RecomputeGranularity;
  using model::RecomputeMethod;
  int64_t before = kept;
  for (const model::RecomputeConfig& recompute :
       {model::RecomputeConfig{RecomputeGranularity::selective, RecomputeMethod::uniform, 1},
        model::RecomputeConfig{RecomputeGranularity::full, RecomputeMethod::block, 3},
        model::RecomputeConfig{RecomputeGranularity::full, RecomputeMethod::uniform, 1},
        model::RecomputeConfig{RecomputeGranularity::full, RecomputeMethod::uniform, 2}}) {
    config.model.recompute = recompute;
    EXPECT_EQ(run_pretrain(config).numbers(), numbers);
    EXPECT_LT(plan_memory(config).activation_bytes, before);
    before = plan_memory(config).activation_bytes;
  }
}

}  // namespace
}  // namespace weft::train
