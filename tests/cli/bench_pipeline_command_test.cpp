// weft bench pipeline on a model that takes a moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;

const std::string kTiny =
    "bench pipeline --hidden-size 32 --num-attention-heads 4 --num-layers 4 --seq-length 32 "
    "--global-batch-size 8 --vocab-size 4095 ";

TEST(BenchPipelineCommand, EverySchedulesStepHasItsFiguresAndOneLoss) {
  const CommandResult result = weft(kTiny + "--steps 2 --schedules 1f1b,zb-v,dynamic:deep --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto schedules = nlohmann::json::parse(result.out).at("schedules");
  ASSERT_EQ(schedules.size(), 4U);
  EXPECT_EQ(schedules[0].at("schedule"), "one rank");
  EXPECT_EQ(schedules[3].at("schedule"), "dynamic (deep)");
  for (const auto& one : schedules) {
    EXPECT_EQ(one.at("step_s").size(), 2U);
    EXPECT_GT(one.at("tasks_s").get<double>(), 0.0);
    EXPECT_GT(one.at("peak_bytes").get<int64_t>(), 0);
    EXPECT_EQ(one.at("last_loss"), schedules[0].at("last_loss")) << one.at("schedule");
  }
  EXPECT_LT(schedules[1].at("peak_bytes"), schedules[0].at("peak_bytes"));
}

TEST(BenchPipelineCommand, TextNamesTheColumns) {
  const CommandResult result = weft(kTiny + "--num-virtual-stages-per-pipeline-rank 2 --steps 1");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("4 microbatches of 2"));
  EXPECT_THAT(result.out, HasSubstr("over bound"));
  EXPECT_THAT(result.out, HasSubstr("interleaved-zb1p"));
}

TEST(BenchPipelineCommand, WrongWordsNameTheFlag) {
  expect_refused(kTiny + "--pipeline-model-parallel-size 1", 2,
                 {"a pipeline has several ranks (got 1)", "--pipeline-model-parallel-size 2"});
  expect_refused(kTiny + "--schedules fastest", 2, {"no schedule has this name (got fastest"});
  expect_refused(kTiny + "--schedules dynamic:best", 2, {"--dpp-order", "got best"});
  expect_refused("bench train --pipeline-model-parallel-size 2", 2,
                 {"this benchmark is of one rank", "weft bench pipeline"});
  EXPECT_THAT(weft("bench pipeline --help").out, HasSubstr("--schedules LIST"));
}

}  // namespace
}  // namespace weft::testing
