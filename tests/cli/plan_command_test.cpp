// weft plan: what a training command would do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kRun =
    "plan --num-layers 8 --hidden-size 64 --num-attention-heads 4 --seq-length 64 "
    "--max-position-embeddings 64 --micro-batch-size 1 --global-batch-size 16 --lr 1e-3 "
    "--train-iters 1 --mock-data --tokenizer-type NullTokenizer --vocab-size 4095 ";

Json schedule_called(const Json& plan, const std::string& name) {
  for (const Json& one : plan.at("schedules")) {
    if (one.at("name") == name) return one;
  }
  ADD_FAILURE() << "no schedule is called " << name;
  return {};
}

TEST(PlanCommand, EveryRankAndScheduleHasItsFigures) {
  const CommandResult result =
      weft(kRun + "--pipeline-model-parallel-size 4 --world-size 8 --costs 1,1,1 --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json plan = Json::parse(result.out);
  ASSERT_EQ(plan.at("ranks").size(), 8U);
  EXPECT_EQ(plan.at("ranks")[0].at("layers"), (Json{0, 1}));
  EXPECT_EQ(plan.at("ranks")[7].at("layers"), (Json{6, 7}));
  EXPECT_EQ(plan.at("ranks")[7].at("dp"), 1);
  EXPECT_EQ(plan.at("ranks")[7].at("pp"), 3);
  for (const Json& rank : plan.at("ranks")) {
    EXPECT_GT(rank.at("buffer_bytes"), 0);
    EXPECT_GT(rank.at("activation_bytes"), 0);
    EXPECT_EQ(rank.at("optimizer_bytes").get<int64_t>(),
              2 * rank.at("weight_bytes").get<int64_t>());
  }
  EXPECT_EQ(plan.at("chosen"), "1f1b");
  // Eight microbatches on four ranks: (8 + 3) times forward and backward.
  EXPECT_DOUBLE_EQ(schedule_called(plan, "1f1b").at("makespan").get<double>(), 33.0);
  EXPECT_TRUE(schedule_called(plan, "1f1b").at("fits"));
  EXPECT_LT(schedule_called(plan, "zb-h1").at("bubble"),
            schedule_called(plan, "1f1b").at("bubble"));
  EXPECT_LE(schedule_called(plan, "dynamic (auto)").at("makespan"),
            schedule_called(plan, "zb-h1").at("makespan"));
}

TEST(PlanCommand, TextMarksTheRunsScheduleAndSaysWhatItCannotHave) {
  const CommandResult result =
      weft(kRun + "--pipeline-model-parallel-size 4 --num-virtual-stages-per-pipeline-rank 2");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("0-0, 4-4"));
  EXPECT_THAT(result.out, HasSubstr("<- the run's"));
  EXPECT_THAT(result.out, HasSubstr("1f1b has 1 chunk per pipeline rank (got 2"));
  const CommandResult one = weft(kRun + "--schedule 1f1b");
  EXPECT_EQ(one.exit_code, 2);  // one rank has no pipeline
  EXPECT_EQ(weft(kRun).exit_code, 0);
}

TEST(PlanCommand, WrongWordsNameTheFlag) {
  expect_refused(kRun + "--costs 1,1", 2, {"--costs"});
  expect_refused(kRun + "--pipeline-model-parallel-size 3", 2, {"num_layers 8 is not divisible"});
  EXPECT_THAT(weft("plan --help").out, HasSubstr("--costs F,B,W"));
}

}  // namespace
}  // namespace weft::testing
