// The first microbatch of a step writes the gradients of weights, the others add to them.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/model_run.hpp"

namespace weft::model {
namespace {

using testing::ModelRun;

constexpr MicrobatchShape kShape{.sequence = 9, .samples = 2};

ModelConfig gpt() {
  ModelConfig config;
  config.num_layers = 3;
  config.hidden_size = 24;
  config.ffn_hidden_size = 56;
  config.num_attention_heads = 3;
  config.kv_channels = 8;
  config.vocab_size = 67;
  config.max_position_embeddings = 9;
  return config;
}

/// A named model and how its backward pass runs.
struct Case {
  const char* name;
  ModelConfig config = gpt();
  BackwardMode mode = BackwardMode::fused;
};

std::vector<Case> cases() {
  std::vector<Case> list = {{.name = "tied"},
                            {.name = "split", .mode = BackwardMode::split},
                            {.name = "bf16"},
                            {.name = "untied"},
                            {.name = "recomputed"}};
  list[2].config.dtype = DType::bf16;
  list[3].config.tied_embeddings = false;
  list[3].config.linear_bias = list[3].config.qkv_bias = false;
  list[4].config.recompute = {.granularity = RecomputeGranularity::full,
                              .method = RecomputeMethod::uniform,
                              .num_layers = 2};
  return list;
}

void fill_gradients(ParameterSet& parameters, float value) {
  for (Parameter& parameter : parameters.all()) {
    std::ranges::fill(parameter.grad.span<float>(), value);
  }
}

/// The gradients of a step of `microbatches` microbatches.
std::vector<float> step(ModelRun& run, int microbatches) {
  run.model.start_gradients();
  for (int m = 0; m < microbatches; ++m) {
    const auto data = testing::random_microbatch(kShape, gpt().vocab_size, 4 + m);
    run.chunk.forward(run.slot, data.view(), 1.0);
    if (run.chunk.mode() == BackwardMode::split) {
      run.chunk.backward_input(run.slot);
      run.chunk.backward_weight(run.slot);
    } else {
      run.chunk.backward(run.slot);
    }
  }
  run.model.finalize_gradients();
  return run.gradients();
}

TEST(GradientStart, WhatTheBuffersHeldIsOverwritten) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    ModelRun adding(one.config, kShape, one.mode, {});
    for (Parameter& parameter : adding.parameters.all()) parameter.write_first = false;
    ModelRun writing(one.config, kShape, one.mode, {});
    for (const int microbatches : {1, 3}) {
      fill_gradients(writing.parameters, NAN);
      EXPECT_TRUE(testing::same_bits(step(writing, microbatches), step(adding, microbatches)));
    }
  }
}

TEST(GradientStart, WeightsWithoutAProductInAStepHaveNoGradient) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    ModelRun run(one.config, kShape, one.mode, {});
    fill_gradients(run.parameters, NAN);
    const std::vector<float> gradients = step(run, 0);
    EXPECT_TRUE(std::ranges::all_of(gradients, [](float g) { return g == 0.0F; }));
  }
}

// Only large tensors are worth a second way to start.
TEST(GradientStart, WeightsOfProductsAreWrittenAllOthersAreZeroed) {
  ModelRun tied(gpt(), kShape, BackwardMode::fused, {});
  EXPECT_TRUE(tied.parameters.at(kWordEmbeddings).write_first) << "the output head writes it";
  EXPECT_FALSE(tied.parameters.at(kPositionEmbeddings).write_first);
  EXPECT_TRUE(tied.parameters.at("decoder.layers.0.mlp.linear_fc1.weight").write_first);
  EXPECT_FALSE(tied.parameters.at("decoder.layers.0.mlp.linear_fc1.bias").write_first);
  EXPECT_FALSE(tied.parameters.at("decoder.final_layernorm.weight").write_first);
  ModelConfig config = gpt();
  config.tied_embeddings = false;
  ModelRun untied(config, kShape, BackwardMode::fused, {});
  EXPECT_FALSE(untied.parameters.at(kWordEmbeddings).write_first) << "lookups add to it";
  EXPECT_TRUE(untied.parameters.at(kOutputLayer).write_first);
}

}  // namespace
}  // namespace weft::model
