// Plans of cuDNN for described devices: that attention is supported, which kernel runs it and what
// memory it takes are known without a GPU (reference/cuda.md 2.2).
#include "weft/kernels/cudnn_plan.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"
#include "weft/kernels/attention_graph.hpp"

namespace weft::kernels {
namespace {

using ::testing::HasSubstr;

class CudnnPlans : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // cuDNN opens libcuda.so.1: what is loaded under that name already is what it gets.
    ASSERT_NE(dlopen(WEFT_DRIVER_STUB, RTLD_NOW | RTLD_GLOBAL), nullptr) << dlerror();
  }
  static std::string properties(const std::string& device) {
    return testing::read_file(WEFT_SOURCE_DIR "/tests/data/cuda/" + device + ".json");
  }
};

AttentionGraphSpec gpt(double dropout = 0.0, bool deterministic = false) {
  return {.sizes = {.sequence = 1024,
                    .microbatch = 2,
                    .heads = 25,
                    .groups = 25,
                    .head_dim = 64,
                    .dtype = DType::bf16},
          .dropout = dropout,
          .deterministic = deterministic};
}

AttentionGraphSpec llama(double dropout = 0.0, bool deterministic = false) {
  return {.sizes = {.sequence = 2048,
                    .microbatch = 2,
                    .heads = 32,
                    .groups = 8,
                    .head_dim = 128,
                    .dtype = DType::f16},
          .dropout = dropout,
          .deterministic = deterministic};
}

AttentionGraphSpec odd(int64_t sequence, int64_t head_dim, bool deterministic) {
  AttentionGraphSpec spec = llama(0.0, deterministic);
  spec.sizes.sequence = sequence;
  spec.sizes.head_dim = head_dim;
  return spec;
}

/// Both graphs have plans that run `kernel`, and take the memory that is planned for them.
void expect_plans(const CudnnTarget& target, int compute_major, const AttentionGraphSpec& spec,
                  const std::string& kernel) {
  SCOPED_TRACE(::testing::Message() << kernel << " dropout " << spec.dropout << " deterministic "
                                    << spec.deterministic << " S " << spec.sizes.sequence);
  const CudnnPlan forward(target, attention_forward_graph(spec).graph);
  EXPECT_THAT(forward.json(), HasSubstr("\"finalizeMode\":\"SDPA_FWD\""));
  EXPECT_THAT(forward.json(), HasSubstr("native_sdpa_" + kernel + "_flash_fprop"));
  EXPECT_LE(forward.workspace_bytes(), 256);
  const AttentionBackwardGraph graph = attention_backward_graph(spec);
  const CudnnPlan backward(target, graph.graph);
  EXPECT_THAT(backward.json(), HasSubstr("\"finalizeMode\":\"SDPA_BWD\""));
  EXPECT_THAT(backward.json(), HasSubstr("native_sdpa_" + kernel + "_flash_bprop"));
  const int64_t taken = graph.own_workspace_bytes() + backward.workspace_bytes();
  const int64_t planned = attention_backward_bytes(spec, compute_major);
  EXPECT_LE(taken, planned);
  EXPECT_GE(taken, planned - 256);
}

TEST_F(CudnnPlans, AttentionOnH100) {
  const CudnnTarget target(properties("h100"));
  expect_plans(target, 9, gpt(), "sm90");
  expect_plans(target, 9, llama(0.1), "sm90");
}

TEST_F(CudnnPlans, DeterministicAttentionOnH100) {
  const CudnnTarget target(properties("h100"));
  expect_plans(target, 9, gpt(0.1, true), "sm90");
  expect_plans(target, 9, llama(0.0, true), "sm90");
}

TEST_F(CudnnPlans, AttentionOfOddSizesOnH100) {
  const CudnnTarget target(properties("h100"));
  expect_plans(target, 9, odd(77, 80, true), "sm90");
  expect_plans(target, 9, odd(192, 256, true), "sm90");
  expect_plans(target, 9, odd(17, 8, false), "sm90");
}

TEST_F(CudnnPlans, AttentionOnA100) {
  const CudnnTarget target(properties("a100"));
  expect_plans(target, 8, gpt(0.1), "sm80");
  expect_plans(target, 8, llama(), "sm80");
  expect_plans(target, 8, llama(0.1, true), "sm80");
  // Backward has head dims up to 128 there.
  EXPECT_THROW(CudnnPlan(target, attention_backward_graph(odd(128, 256, false)).graph), Error);
}

TEST_F(CudnnPlans, AttentionOnB200) {
  const CudnnTarget target(properties("b200"));
  const AttentionBackwardGraph graph = attention_backward_graph(gpt(0.1));
  const CudnnPlan plan(target, graph.graph);
  EXPECT_LE(graph.own_workspace_bytes() + plan.workspace_bytes(),
            attention_backward_bytes(gpt(0.1), 10));
  expect_plans(target, 10, llama(), "sm100");
  EXPECT_THROW(CudnnPlan(target, attention_backward_graph(gpt(0.1, true)).graph), Error);
}

TEST_F(CudnnPlans, ASavedPlanIsTheSamePlan) {
  const CudnnTarget target(properties("h100"));
  const CudnnPlan plan(target, attention_backward_graph(gpt()).graph);
  const CudnnPlan loaded(target, plan.json());
  EXPECT_EQ(loaded.workspace_bytes(), plan.workspace_bytes());
  EXPECT_EQ(loaded.json(), plan.json());
  EXPECT_THROW(CudnnPlan(target, std::string("{}")), Error);
}

TEST_F(CudnnPlans, RefusesADescriptionThatIsNone) {
  EXPECT_THROW(CudnnTarget("{\"deviceVer\": 900}"), Error);
}

}  // namespace
}  // namespace weft::kernels
