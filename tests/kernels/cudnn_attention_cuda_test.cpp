// Attention's pairs of plans for described devices, and what a run hands to cuDNN.
#include "weft/kernels/cudnn_attention.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"

namespace weft::kernels::cuda {
namespace {

using ::testing::HasSubstr;
using Passes = CudnnAttention::Passes;

class CudnnAttentions : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // cuDNN opens libcuda.so.1: what is loaded under that name already is what it gets.
    ASSERT_NE(dlopen(WEFT_DRIVER_STUB, RTLD_NOW | RTLD_GLOBAL), nullptr) << dlerror();
  }
  static CudnnTarget target(const std::string& device) {
    return CudnnTarget(testing::read_file(WEFT_SOURCE_DIR "/tests/data/cuda/" + device + ".json"));
  }
};

AttentionGraphSpec spec_of(int64_t head_dim, double dropout = 0.0, bool deterministic = false) {
  return {.sizes = {.sequence = 256,
                    .microbatch = 2,
                    .heads = 8,
                    .groups = 2,
                    .head_dim = head_dim,
                    .dtype = DType::bf16},
          .dropout = dropout,
          .deterministic = deterministic};
}

TEST_F(CudnnAttentions, HaveBothPassesWithinThePlannedMemory) {
  const CudnnTarget h100 = target("h100");
  for (const double dropout : {0.0, 0.1}) {
    const AttentionGraphSpec spec = spec_of(64, dropout);
    const auto attention = CudnnAttention::make(h100, spec, Passes::both);
    ASSERT_NE(attention, nullptr);
    EXPECT_TRUE(attention->has_backward());
    // Beside the plans' own: the seed, and pieces that start at multiples of 256 bytes.
    EXPECT_LE(attention->workspace_bytes(),
              static_cast<size_t>(attention_backward_bytes(spec, 9)) + 5 * 256);
  }
}

TEST_F(CudnnAttentions, EvaluationNeedsNoBackward) {
  const auto attention = CudnnAttention::make(target("h100"), spec_of(64), Passes::forward);
  ASSERT_NE(attention, nullptr);
  EXPECT_FALSE(attention->has_backward());
  EXPECT_LT(attention->workspace_bytes(), 1024);
}

TEST_F(CudnnAttentions, DrawTheSameMasksInBothPassesOrNone) {
  const CudnnTarget a100 = target("a100");
  const auto forward = CudnnAttention::make(a100, spec_of(256), Passes::forward_first);
  ASSERT_NE(forward, nullptr);
  EXPECT_FALSE(forward->has_backward());
  EXPECT_EQ(CudnnAttention::make(a100, spec_of(256, 0.1), Passes::both), nullptr);
  EXPECT_EQ(CudnnAttention::make(target("b200"), spec_of(64, 0.1, true), Passes::both), nullptr);
}

TEST_F(CudnnAttentions, CudnnTakesTheTensorsOfARun) {
  const CudnnTarget h100 = target("h100");
  const AttentionGraphSpec spec = spec_of(64, 0.1);
  const AttentionNumbers numbers(spec);
  const AttentionForwardGraph graph = attention_forward_graph(spec);
  const CudnnPlan plan(h100, graph.graph);
  const std::string json = plan.json();
  // Any addresses: without a handle nothing runs.
  alignas(16) const std::array<std::byte, 512> memory{};
  const auto* floats = reinterpret_cast<const float*>(memory.data());
  const auto* words = reinterpret_cast<const int64_t*>(memory.data());
  const TensorPointers tensors =
      tensors_of(graph, spec.sizes, numbers, {memory.data(), memory.data(), floats, words});
  try {
    plan.run(nullptr, tensors.all(), nullptr);
    FAIL() << "ran without a device";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cuDNN cannot run a plan"));
  }
  if (std::getenv("DUMP")) printf("%s\n", json.c_str());
}

}  // namespace
}  // namespace weft::kernels::cuda
