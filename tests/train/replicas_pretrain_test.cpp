// Training by replicas: data parallelism, alone and of pipelines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/training_run.hpp"
#include "weft/base/error.hpp"

namespace weft::train {
namespace {

using weft::testing::run_pretrain;
using weft::testing::RunOutput;
using weft::testing::small_run;
using weft::testing::TempDir;

/// Eight samples a step in microbatches of one, so that up to eight replicas share them.
TrainConfig shared_run() {
  TrainConfig config = small_run();
  config.model.num_layers = 4;
  config.micro_batch_size = 1;
  config.global_batch_size = 8;
  return config;
}

TrainConfig on(TrainConfig config, int64_t replicas, int64_t stages = 1) {
  config.pipeline.num_replicas = replicas;
  config.pipeline.split.pp = stages;
  return config;
}

TEST(ReplicasPretrain, ReplicasShareTheBatchOfOneRank) {
  const std::vector<double> alone = run_pretrain(shared_run()).numbers();
  for (const int64_t replicas : {2, 4}) {
    const std::vector<double> shared = run_pretrain(on(shared_run(), replicas)).numbers();
    ASSERT_EQ(shared.size(), alone.size());
    // Sums of other pieces round otherwise.
    for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(shared[i], alone[i], 2e-5 * alone[i]);
  }
}

TEST(ReplicasPretrain, PipelinesOfThemHaveTheirBits) {
  const std::vector<double> expected = run_pretrain(on(shared_run(), 2)).numbers();
  for (const char* name : {"1f1b", "zb-v"}) {  // the tied table's ends on two ranks, and on one
    TrainConfig config = on(shared_run(), 2, 2);
    config.pipeline.schedule = name;
    EXPECT_EQ(run_pretrain(config).numbers(), expected) << name;
  }
  TrainConfig config = on(shared_run(), 2, 2);
  config.pipeline.dynamic = true;
  config.pipeline.order = parallel::kReplicasOutermost;
  EXPECT_EQ(run_pretrain(config).numbers(), expected) << "dynamic";
}

TEST(ReplicasPretrain, TokensOfAllReplicasMakeTheMean) {
  TrainConfig config = shared_run();
  config.per_token_loss = true;
  config.data.eod_mask_loss = true;  // replicas count differently many
  config.data.reset_position_ids = true;
  const std::vector<double> alone = run_pretrain(config).numbers();
  const std::vector<double> shared = run_pretrain(on(config, 2, 2)).numbers();
  ASSERT_EQ(shared.size(), alone.size());
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_NEAR(shared[i], alone[i], 2e-5 * alone[i]);
}

TEST(ReplicasPretrain, OneOfThemSavesForAll) {
  const std::vector<double> expected = run_pretrain(on(shared_run(), 2, 2)).numbers(4);
  const TempDir dir;
  TrainConfig first = on(shared_run(), 2, 2);
  first.save = dir.path().string();
  first.save_interval = 3;
  first.exit_interval = 3;
  run_pretrain(first);
  EXPECT_TRUE(std::filesystem::exists(dir / "iter_0000003/model-00002-of-00002.safetensors"));
  TrainConfig second = on(shared_run(), 2);
  second.load = dir.path().string();
  EXPECT_EQ(run_pretrain(second).numbers(4), expected);
}

TEST(ReplicasPretrain, TheLinesBeforeTrainingNameThem) {
  const RunOutput output = run_pretrain(on(shared_run(), 2));
  EXPECT_TRUE(output.printed("2 replicas of the model, one rank each"));
  EXPECT_TRUE(output.printed("[Rank 1] Planned memory (MB): "));
  EXPECT_TRUE(output.printed("global batch size:     8"));
}

}  // namespace
}  // namespace weft::train
