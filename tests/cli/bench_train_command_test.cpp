// weft bench train, gemm and kernels on a model that takes a moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

const std::string kTiny =
    " --num-layers 2 --hidden-size 64 --num-attention-heads 4 --seq-length 32 --micro-batch-size 2 "
    "--vocab-size 4095 --max-position-embeddings 32 ";

TEST(BenchTrainCommand, JsonHasEveryFigureBesideItsLimit) {
  const CommandResult result = weft("bench train" + kTiny + "--bf16 --steps 2 --breakdown --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  ASSERT_EQ(json.at("step_s").size(), 2U);
  const double step_s =
      0.5 * (json.at("step_s")[0].get<double>() + json.at("step_s")[1].get<double>());
  EXPECT_NEAR(json.at("tokens_per_s").get<double>(), 64.0 / step_s, 1e-6 * 64.0 / step_s);
  EXPECT_GT(json.at("gemm_gflops"), 1.0);
  EXPECT_GT(json.at("fraction"), 0.0);
  EXPECT_LT(json.at("fraction"), 1.0);
  EXPECT_GT(json.at("planned_bytes"), 500'000);
  std::set<std::string> kernels;
  double seconds = 0.0;
  for (const Json& kernel : json.at("kernels")) {
    kernels.insert(kernel.at("name").get<std::string>());
    seconds += kernel.at("seconds").get<double>();
  }
  EXPECT_LE(seconds, 2.0 * step_s);
  for (const char* name : {"linear forward", "linear input gradient", "linear weight gradient",
                           "attention forward", "attention backward", "cross entropy", "optimizer",
                           "norm forward", "activation forward", "embedding", "gradient norm"}) {
    EXPECT_TRUE(kernels.contains(name)) << name;
  }
}

TEST(BenchTrainCommand, TextNamesMachineModelAndMemory) {
  const CommandResult result = weft("bench train" + kTiny + "--steps 1");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("M parameters in f32, sequence 32, microbatch 2"));
  EXPECT_THAT(result.out, HasSubstr("of the rate of matrix products"));
  EXPECT_THAT(result.out, HasSubstr("memory: planned"));
}

TEST(BenchTrainCommand, WrongWordsAreUsageErrors) {
  const CommandResult steps = weft("bench train --steps none");
  EXPECT_EQ(steps.exit_code, 2);
  EXPECT_THAT(steps.err, HasSubstr("--steps needs a whole number of at least 1 (got none)"));
  // The flag alone is wrong: five digits are longer than GPT-2's 1024 positions too.
  const CommandResult flag = weft("bench train --seq-length 10000 --no-such-flag");
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_THAT(flag.err, StartsWith("error: unknown option (got --no-such-flag"));
  const std::string model = weft("bench train --model gpt3").err;
  const size_t found = model.find("--model has a wrong value (got gpt3");
  EXPECT_NE(found, std::string::npos);
  EXPECT_EQ(model.find("got gpt3", found + 40), std::string::npos) << "said twice";
  EXPECT_THAT(weft("bench train --help").out, HasSubstr("--breakdown"));
}

TEST(BenchGemmCommandSlow, MeasuresEveryProductOfTheModel) {
  const CommandResult result = weft("bench gemm" + kTiny + "--json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = Json::parse(result.out);
  ASSERT_EQ(json.at("layers").size(), 5U);
  for (const Json& layer : json.at("layers")) {
    for (const char* rate :
         {"forward_gflops", "input_gradient_gflops", "weight_gradient_gflops", "gemm_gflops"}) {
      EXPECT_GT(layer.at(rate), 0.0) << layer << rate;
    }
  }
  EXPECT_THAT(weft("bench gemm --help").out, HasSubstr("weft bench gemm --model"));
}

TEST(BenchKernelsCommandSlow, MeasuresEachKernelBesideItsLimit) {
  const CommandResult result = weft("bench kernels" + kTiny +
                                    "--swiglu --normalization RMSNorm "
                                    "--position-embedding-type rope --bf16 --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::set<std::string> names;
  const Json json = Json::parse(result.out);
  for (const Json& kernel : json.at("kernels")) {
    names.insert(kernel.at("name").get<std::string>());
    EXPECT_GT(kernel.at("share"), 0.0) << kernel;
  }
  for (const char* name : {"RMS norm", "activation", "rotary positions", "cross entropy", "AdamW",
                           "attention", "attention, gradient"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

}  // namespace
}  // namespace weft::testing
