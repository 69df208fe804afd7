// Attention's pairs of plans for described devices, and what a run hands to cuDNN.
#include "weft/kernels/cudnn_attention.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

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
    const auto attention = CudnnAttention::make(h100, {}, spec, Passes::both);
    ASSERT_NE(attention, nullptr);
    EXPECT_TRUE(attention->has_backward());
    // Beside the plans' own: the seed, and pieces that start at multiples of 256 bytes.
    EXPECT_LE(attention->workspace_bytes(),
              static_cast<size_t>(attention_backward_bytes(spec, 9)) + 5 * 256);
  }
}

TEST_F(CudnnAttentions, EvaluationNeedsNoBackward) {
  const auto attention = CudnnAttention::make(target("h100"), {}, spec_of(64), Passes::forward);
  ASSERT_NE(attention, nullptr);
  EXPECT_FALSE(attention->has_backward());
  EXPECT_LT(attention->workspace_bytes(), 1024);
}

TEST_F(CudnnAttentions, DrawTheSameMasksInBothPassesOrNone) {
  const CudnnTarget a100 = target("a100");
  const auto forward = CudnnAttention::make(a100, {}, spec_of(256), Passes::forward_first);
  ASSERT_NE(forward, nullptr);
  EXPECT_FALSE(forward->has_backward());
  EXPECT_EQ(CudnnAttention::make(a100, {}, spec_of(256, 0.1), Passes::both), nullptr);
  EXPECT_EQ(CudnnAttention::make(target("b200"), {}, spec_of(64, 0.1, true), Passes::both),
            nullptr);
}

/// The ids of a plan's tensors that are not between two operations.
std::vector<int64_t> ids_of(const CudnnPlan& plan) {
  std::vector<int64_t> ids;
  const auto graph = nlohmann::json::parse(plan.json()).at("operationGraph");
  for (const auto& tensor : graph.at("tensors")) {
    if (tensor.at("isVirtual").get<bool>()) continue;
    ids.push_back(std::stoll(tensor.at("name").get<std::string>()));
  }
  return ids;
}

/// Of what a run passes, as cuDNN counts.
std::vector<int64_t> ids_of(const TensorPointers& tensors) {
  std::vector<int64_t> ids;
  for (const TensorPointer& tensor : tensors.all()) ids.push_back(tensor.id + 1);
  return ids;
}

TEST_F(CudnnAttentions, CudnnTakesTheTensorsOfARun) {
  const CudnnTarget h100 = target("h100");
  const AttentionGraphSpec spec = spec_of(64, 0.1);
  const AttentionNumbers numbers(spec);
  // Any addresses: without a handle nothing runs.
  alignas(16) const std::array<std::byte, 512> memory{};
  const auto* floats = reinterpret_cast<const float*>(memory.data());
  const auto* words = reinterpret_cast<const int64_t*>(memory.data());
  const auto expect_taken = [](const CudnnPlan& plan, const TensorPointers& tensors) {
    EXPECT_THAT(ids_of(tensors), ::testing::UnorderedElementsAreArray(ids_of(plan)));
    try {
      plan.run(nullptr, tensors.all(), nullptr);
      FAIL() << "ran without a device";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("cuDNN cannot run a plan"));
    }
  };
  const AttentionForwardGraph forward = attention_forward_graph(spec);
  expect_taken(
      CudnnPlan(h100, forward.graph),
      tensors_of(forward, spec.sizes, numbers, {memory.data(), memory.data(), floats, words}));
  const AttentionBackwardGraph backward = attention_backward_graph(spec);
  expect_taken(CudnnPlan(h100, backward.graph),
               tensors_of(backward, spec.sizes, numbers,
                          {memory.data(), memory.data(), memory.data(), floats, memory.data(),
                           words, floats, floats}));
}

class CudnnPlanStores : public CudnnAttentions {};

/// The only file of a directory.
std::filesystem::path only_file(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path());
  }
  EXPECT_EQ(files.size(), 1U);
  return files.empty() ? std::filesystem::path() : files.front();
}

TEST_F(CudnnPlanStores, ReadWhatTheySaved) {
  const testing::TempDir directory;
  const CudnnTarget h100 = target("h100");
  const CudnnPlanStore store(directory.path() / "new", "h100");
  const TensorGraph graph = attention_forward_graph(spec_of(64)).graph;
  const std::string made = store.plan(h100, graph).json();
  const std::filesystem::path file = only_file(directory.path() / "new");
  const auto written = std::filesystem::last_write_time(file);
  EXPECT_EQ(store.plan(h100, graph).json(), made);
  EXPECT_EQ(std::filesystem::last_write_time(file), written);
  // A damaged file is written again; cuDNN names a plan that is made again differently.
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  const std::string again = store.plan(h100, graph).json();
  EXPECT_NE(again, made);
  EXPECT_EQ(store.plan(h100, graph).json(), again);
}

TEST_F(CudnnPlanStores, NeedNoDirectory) {
  const testing::TempDir directory;
  const CudnnTarget h100 = target("h100");
  const TensorGraph graph = attention_forward_graph(spec_of(64)).graph;
  // A directory cannot lie under a file.
  std::ofstream(directory.path() / "file") << "text";
  const CudnnPlanStore store(directory.path() / "file" / "under", "h100");
  EXPECT_EQ(store.plan(h100, graph).workspace_bytes(), CudnnPlan(h100, graph).workspace_bytes());
}

}  // namespace
}  // namespace weft::kernels::cuda
