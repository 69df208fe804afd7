#include "weft/train/pipeline_setup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.hpp"
#include "train/training_run.hpp"
#include "weft/base/files.hpp"
#include "weft/schedule/schedule_csv.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace weft::train {
namespace {

using schedule::Mapping;
using ::testing::HasSubstr;
using weft::testing::small_run;
using weft::testing::TempDir;

/// `layers` layers on `ranks` ranks, eight microbatches.
TrainConfig pipeline_run(int64_t layers, int64_t ranks) {
  TrainConfig config = small_run();
  config.model.num_layers = layers;
  config.model.vocab_size = 4096;
  config.pipeline.split.pp = ranks;
  config.global_batch_size = 8 * config.micro_batch_size;
  return config;
}

std::string refusal_of(const TrainConfig& config) {
  try {
    const PipelineSetup setup(config);
    (void)setup.slots(0);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_FALSE(error.hint().empty()) << error.what();
    return std::string(error.what()) + "; try " + error.hint();
  }
  return "nothing";
}

TEST(PipelineSetup, OneRankHoldsTheWholeModel) {
  const PipelineSetup setup(pipeline_run(2, 1));
  ASSERT_EQ(setup.parts(0).size(), 1U);
  EXPECT_EQ(setup.parts(0)[0].num_layers, 2);
  EXPECT_TRUE(setup.parts(0)[0].has_embedding && setup.parts(0)[0].has_head);
  EXPECT_EQ(setup.slots(0).activations, 1);
  EXPECT_EQ(setup.backward_mode(), model::BackwardMode::fused);
}

TEST(PipelineSetup, TheDefaultIsMegatronsSchedule) {
  TrainConfig config = pipeline_run(8, 4);
  EXPECT_EQ(PipelineSetup(config).schedule_name(), "1f1b");
  EXPECT_EQ(PipelineSetup(config).slots(0).activations, 4);
  EXPECT_EQ(PipelineSetup(config).slots(3).activations, 1);
  config.pipeline.split.chunks_per_rank = 2;
  const PipelineSetup setup(config);
  EXPECT_EQ(setup.schedule_name(), "interleaved");
  EXPECT_EQ(setup.parts(1)[1].first_layer, 5);
  EXPECT_EQ(setup.slots(0).activations, 11);
}

TEST(PipelineSetup, WaveSchedulesImplyTheirChunksAndMapping) {
  TrainConfig config = pipeline_run(8, 4);
  config.pipeline.schedule = "zb-v";
  const PipelineSetup setup(config);
  EXPECT_EQ(setup.stages().mapping, Mapping::wave);
  EXPECT_EQ(setup.stages().num_chunks, 2);
  EXPECT_EQ(setup.backward_mode(), model::BackwardMode::split);
  EXPECT_TRUE(setup.parts(0)[1].has_head);
}

TEST(PipelineSetup, FilesFixOrderChunksAndMapping) {
  const TempDir dir;
  const auto order =
      make_static(schedule::static_schedule("v-half"), {.num_ranks = 2, .num_microbatches = 8});
  AtomicFile file(dir / "order.csv", ErrorKind::data);
  file.write(schedule::to_csv(order));
  file.commit();
  TrainConfig config = pipeline_run(4, 2);
  config.pipeline.schedule = (dir / "order.csv").string();
  const PipelineSetup setup(config);
  EXPECT_EQ(setup.stages().mapping, Mapping::wave);
  EXPECT_EQ(setup.plan(1, 8).order, order);

  config.pipeline.split.pp = 4;
  EXPECT_THAT(refusal_of(config), HasSubstr("is a schedule of another pipeline (got 2 ranks, "
                                            "expected 4); try --pipeline-model-parallel-size 2"));
  config = pipeline_run(4, 2);
  config.pipeline.schedule = (dir / "order.csv").string();
  config.global_batch_size = 6 * config.micro_batch_size;
  EXPECT_THAT(refusal_of(config), HasSubstr("is a schedule of another batch (got 8 microbatches, "
                                            "expected 6); try --global-batch-size 16"));
}

TEST(PipelineSetup, WhatDoesNotFitTheScheduleNamesTheFlag) {
  TrainConfig config = pipeline_run(8, 4);
  config.pipeline.schedule = "1f1b";
  config.pipeline.split.chunks_per_rank = 2;
  EXPECT_THAT(refusal_of(config), HasSubstr("1f1b has 1 chunk per pipeline rank (got 2 from the "
                                            "layers' flags)"));
  config = pipeline_run(8, 4);
  config.pipeline.schedule = "1f1b";
  config.pipeline.mapping = Mapping::wave;
  EXPECT_THAT(refusal_of(config), HasSubstr("--pipeline-mapping does not fit the schedule (got "
                                            "wave, expected loop for 1f1b)"));
  config = pipeline_run(8, 4);
  config.pipeline.split.chunks_per_rank = 2;
  config.global_batch_size = 6 * config.micro_batch_size;
  EXPECT_THAT(refusal_of(config), HasSubstr("try another --global-batch-size, or --use-dpp"));
  config = pipeline_run(8, 4);
  config.pipeline.schedule = "zb-h1";
  config.model.recompute.granularity = model::RecomputeGranularity::full;
  EXPECT_THAT(refusal_of(config), HasSubstr("recomputation needs whole backward passes (got the "
                                            "schedule zb-h1"));
  config = pipeline_run(8, 4);
  config.pipeline.schedule = "fastest";
  try {
    const PipelineSetup setup(config);
    ADD_FAILURE() << "an unknown schedule was taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("--pipeline-schedule: no schedule has this name (got fastest"));
  }
}

TEST(PipelineSetup, DynamicPipelinesTakeAnyBatchAndKeepTheirBudget) {
  TrainConfig config = pipeline_run(8, 4);
  config.pipeline.dynamic = true;
  config.pipeline.split.chunks_per_rank = 2;
  config.global_batch_size = 7 * config.micro_batch_size;
  const PipelineSetup setup(config);
  EXPECT_EQ(setup.slots(0).activations, 13);  // what interleaved holds, and one for each chunk
  EXPECT_EQ(setup.backward_mode(), model::BackwardMode::split);

  config.pipeline.memory_budget = 1;
  const std::string refusal = refusal_of(config);
  EXPECT_THAT(refusal, HasSubstr("--dpp-memory-budget is too small for one microbatch (got 1 "
                                 "bytes, expected at least "));
  const auto at = refusal.rfind(' ');
  config.pipeline.memory_budget = std::stoll(refusal.substr(at + 1));
  EXPECT_EQ(PipelineSetup(config).plan(0, 7).slots.activations, 2);

  config.pipeline.memory_budget.reset();
  config.pipeline.dpp_order = "megatron-dpp";
  EXPECT_EQ(PipelineSetup(config).plan(0, 7).slots.activations, 14);  // it has no limit
  EXPECT_EQ(PipelineSetup(config).backward_mode(), model::BackwardMode::fused);
}

TEST(PipelineSetup, MeasuredDurationsSteerThePlan) {
  TrainConfig config = pipeline_run(4, 2);
  config.pipeline.dynamic = true;
  PipelineSetup setup(config);
  const schedule::CommitLog log{
      .stages = setup.stages(),
      .num_microbatches = 1,
      .ranks = {{{{schedule::TaskKind::forward, 0, 0}, 0, 0, 10},
                 {{schedule::TaskKind::backward, 0, 0}, 40, 40, 60}},
                {{{schedule::TaskKind::forward, 0, 0}, 10, 10, 20},
                 {{schedule::TaskKind::backward_input, 0, 0}, 20, 20, 40},
                 {{schedule::TaskKind::backward_weight, 0, 0}, 40, 40, 45}}}};
  const StageDurations durations = mean_durations(log);
  EXPECT_EQ(durations.forward, (std::vector<double>{10, 10}));
  EXPECT_EQ(durations.backward_input, (std::vector<double>{10, 20}));
  EXPECT_EQ(durations.backward_weight, (std::vector<double>{10, 5}));
  setup.set_durations(durations);
  EXPECT_EQ(setup.plan(0, 8).dynamic->graph->duration(schedule::TaskKind::backward_input, 1, 3),
            20);
  // Evaluations keep to the estimates, whose slots were planned.
  EXPECT_EQ(setup.evaluation_plan(0).order, PipelineSetup(config).evaluation_plan(0).order);
}

}  // namespace
}  // namespace weft::train
