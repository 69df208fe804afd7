// Training by pipelines of threads: the numbers of one rank, whatever the order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/training_run.hpp"
#include "weft/base/error.hpp"
#include "weft/schedule/commit_log_csv.hpp"

namespace weft::train {
namespace {

using ::testing::HasSubstr;
using weft::testing::run_pretrain;
using weft::testing::RunOutput;
using weft::testing::small_llama_run;
using weft::testing::small_run;
using weft::testing::TempDir;

TrainConfig deep(TrainConfig config) {
  config.model.num_layers = 4;
  config.global_batch_size = 4 * config.micro_batch_size;
  return config;
}

TrainConfig on_ranks(TrainConfig config, int64_t ranks) {
  config.pipeline.split.pp = ranks;
  return config;
}

TEST(PipelinePretrain, FixedAndDynamicOrdersHaveTheNumbersOfOneRank) {
  const TrainConfig alone = deep(small_run());
  const std::vector<double> expected = run_pretrain(alone).numbers();
  for (const char* name : {"", "zb-h1", "zb-v", "interleaved"}) {
    TrainConfig config = on_ranks(alone, 2);
    config.pipeline.schedule = name;
    if (std::string(name) == "interleaved") config.pipeline.split.chunks_per_rank = 2;
    EXPECT_EQ(run_pretrain(config).numbers(), expected) << name;
  }
  for (const char* order : {"auto", "deep", "megatron-dpp"}) {
    TrainConfig config = on_ranks(alone, 2);
    config.pipeline.dynamic = true;
    config.pipeline.dpp_order = order;
    config.pipeline.split.chunks_per_rank = 2;
    EXPECT_EQ(run_pretrain(config).numbers(), expected) << order;
  }
}

TEST(PipelinePretrain, LlamasInHalfPrecisionToo) {
  TrainConfig alone = deep(small_llama_run());
  alone.model.dtype = DType::f16;
  alone.optimizer.loss_scale.dynamic = true;
  alone.optimizer.loss_scale.initial =
      4294967296.0;  // steps that overflow are skipped by all ranks
  alone.optimizer.loss_scale.hysteresis = 1;
  alone.per_token_loss = true;
  alone.log_params_norm = true;
  const RunOutput expected = run_pretrain(alone);
  EXPECT_TRUE(expected.printed("number of skipped iterations:   1"));
  TrainConfig config = on_ranks(alone, 4);
  EXPECT_EQ(run_pretrain(config).numbers(), expected.numbers());
}

TEST(PipelinePretrain, AGrowingBatchKeepsItsPipeline) {
  TrainConfig alone = deep(small_run());
  alone.batch_ramp = BatchRamp{.start = 2, .increment = 2, .samples = 12};
  alone.train_samples = 30;
  alone.train_iters = alone.batch_schedule().length(30).iterations;
  const std::vector<double> expected = run_pretrain(alone).numbers();
  TrainConfig config = on_ranks(alone, 2);
  EXPECT_EQ(run_pretrain(config).numbers(), expected);
  config.pipeline.dynamic = true;
  EXPECT_EQ(run_pretrain(config).numbers(), expected);
}

TEST(PipelinePretrain, ACheckpointGoesOnInAnyPipeline) {
  const TrainConfig alone = deep(small_run());
  const std::vector<double> expected = run_pretrain(alone).numbers(4);
  for (const auto& [saved_by, loaded_by] : {std::pair{4, 1}, {1, 2}, {2, 4}}) {
    const TempDir dir;
    TrainConfig first = on_ranks(alone, saved_by);
    first.save = dir.path().string();
    first.save_interval = 3;
    first.exit_interval = 3;
    run_pretrain(first);
    EXPECT_EQ(std::filesystem::exists(dir / "iter_0000003/model.safetensors"), saved_by == 1);
    TrainConfig second = on_ranks(alone, loaded_by);
    second.load = dir.path().string();
    second.pipeline.dynamic = true;
    const RunOutput output = run_pretrain(second);
    EXPECT_EQ(output.numbers(4), expected) << saved_by << " to " << loaded_by;
    EXPECT_TRUE(output.printed(fmt::format("[ t 1/1, p 1/{} ] at iteration 3", loaded_by)));
  }
}

TEST(PipelinePretrain, ReportsWhatEveryRankHolds) {
  TrainConfig config = on_ranks(deep(small_run()), 2);
  const RunOutput output = run_pretrain(config);
  EXPECT_TRUE(output.printed("(tensor, pipeline) model parallel rank (0, 1): "));
  EXPECT_TRUE(output.printed("> initialized pipeline model parallel with size 2"));
  EXPECT_TRUE(output.printed(
      "1 replica of a pipeline of 2 ranks, 1 chunk each, schedule 1f1b, stages Et*2|t*2L"));
  EXPECT_TRUE(output.printed("[Rank 1] Planned memory (MB): "));
  EXPECT_TRUE(output.printed("[Rank 1] (after 1 iterations) memory (MB)"));
  for (const auto& record : output.metrics) {
    if (!record.contains("bubble")) continue;
    EXPECT_GT(record.at("bubble").get<double>(), 0.0);
    EXPECT_LT(record.at("bubble").get<double>(), 1.0);
    EXPECT_GE(record.at("bound_gap").get<double>(), -1e-9);
  }
}

TEST(PipelinePretrain, ARecordedOrderIsReplayed) {
  const TempDir dir;
  TrainConfig config = on_ranks(deep(small_run()), 2);
  config.pipeline.dynamic = true;
  config.pipeline.commit_log = (dir / "log.csv").string();
  const std::vector<double> expected = run_pretrain(config).numbers();
  const schedule::CommitLog log = schedule::read_commit_log(config.pipeline.commit_log);
  EXPECT_EQ(log.ranks.size(), 2U);
  EXPECT_EQ(log.time_unit, "us");

  TrainConfig replayed = on_ranks(deep(small_run()), 2);
  replayed.pipeline.replay = config.pipeline.commit_log;
  replayed.pipeline.commit_log = (dir / "again.csv").string();
  EXPECT_EQ(run_pretrain(replayed).numbers(), expected);
  EXPECT_EQ(schedule::read_commit_log(replayed.pipeline.commit_log).plan(), log.plan());
}

TEST(PipelinePretrain, ARankThatFailsEndsTheRunWithItsError) {
  TrainConfig config = on_ranks(deep(small_run()), 2);
  config.pipeline.faults = comm::parse_faults("throw:rank=1,op=30");
  try {
    run_pretrain(config);
    FAIL() << "an injected fault was survived";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::communication);
    EXPECT_THAT(error.what(), HasSubstr("injected fault: rank 1"));
  }
}

TEST(PipelinePretrain, AMessageThatNeverComesIsNamedAfterTheTimeout) {
  TrainConfig config = on_ranks(deep(small_run()), 2);
  config.pipeline.faults = comm::parse_faults("delay:rank=1,op=link,ms=3000");
  config.pipeline.timeout_minutes = 0.01;
  try {
    run_pretrain(config);
    FAIL() << "a pipeline waited longer than it may";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::communication);
    EXPECT_THAT(error.what(), HasSubstr("link gradient of stage 1"));
    EXPECT_THAT(error.what(), HasSubstr("next task D0.0: its input is missing"));
  }
}

TEST(PipelinePretrain, DevicesOtherThanTheProcessorAreRefused) {
  TrainConfig config = on_ranks(deep(small_run()), 2);
  config.device = "cuda";
  try {
    run_pretrain(config);
    FAIL() << "a pipeline ran on a GPU";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("several ranks run on the processor so far"));
  }
}

}  // namespace
}  // namespace weft::train
