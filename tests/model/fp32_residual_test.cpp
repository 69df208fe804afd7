// Models of 16 bits whose residual stream is of f32 (--fp32-residual-connection).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/model_run.hpp"
#include "support/test_tensors.hpp"
#include "support/thread_counts.hpp"

namespace weft::model {
namespace {

using testing::ModelRun;
using testing::same_bits;

constexpr MicrobatchShape kShape{.sequence = 32, .samples = 2};
constexpr DropoutRates kDropout{.hidden = 0.2, .attention = 0.1, .seed = 7};

ModelConfig gpt(DType dtype) {
  ModelConfig config;
  config.num_layers = 4;
  config.hidden_size = 32;
  config.ffn_hidden_size = 64;
  config.num_attention_heads = 4;
  config.kv_channels = 8;
  config.vocab_size = 67;
  config.max_position_embeddings = 40;
  config.fp32_residual_connection = true;
  config.dtype = dtype;
  return config;
}

ModelConfig llama(DType dtype) {
  ModelConfig config = gpt(dtype);
  config.num_query_groups = 2;
  config.normalization = Normalization::rms_norm;
  config.qk_layernorm = true;
  config.activation = kernels::Activation::swiglu;
  config.position_embedding = PositionEmbedding::rope;
  config.linear_bias = config.qkv_bias = false;
  config.tied_embeddings = false;
  return config;
}

struct Result {
  double loss = 0.0;
  std::vector<float> gradients;
};

Result step(const ModelConfig& config, BackwardMode mode = BackwardMode::fused) {
  ModelRun run(config, kShape, mode, kDropout);
  Result result;
  result.loss = run.step(testing::random_microbatch(kShape, config.vocab_size, 1));
  result.gradients = run.gradients();
  return result;
}

void expect_same(const Result& result, const Result& expected) {
  EXPECT_EQ(result.loss, expected.loss);
  EXPECT_TRUE(same_bits(result.gradients, expected.gradients));
}

/// The step in fp32 from the weights that a model of `dtype` has.
Result exact_step(ModelConfig config, DType dtype) {
  config.dtype = DType::f32;
  ModelRun run(config, kShape, BackwardMode::fused, kDropout);
  for (const Parameter& parameter : run.parameters.all()) {
    const Tensor rounded = testing::as_type(dtype, parameter.value);
    const Tensor widened = testing::as_type(DType::f32, rounded);
    std::ranges::copy(widened.span<float>(), parameter.value.span<float>().begin());
  }
  Result result;
  result.loss = run.step(testing::random_microbatch(kShape, config.vocab_size, 1));
  result.gradients = run.gradients();
  return result;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(sum);
}

std::vector<ModelConfig> models() {
  return {gpt(DType::bf16), gpt(DType::f16), llama(DType::bf16), llama(DType::f16)};
}

TEST(Fp32Residual, BitsDependNeitherOnTheCutOfBackwardNorOnThreadsNorOnRecomputation) {
  for (const ModelConfig& config : models()) {
    const Result expected = step(config);
    expect_same(step(config, BackwardMode::split), expected);
    {
      const testing::ThreadCount three(3);
      expect_same(step(config), expected);
    }
    for (const RecomputeConfig& recompute :
         {RecomputeConfig{.granularity = RecomputeGranularity::selective},
          RecomputeConfig{RecomputeGranularity::full, RecomputeMethod::uniform, 2},
          RecomputeConfig{RecomputeGranularity::full, RecomputeMethod::block, 3}}) {
      ModelConfig changed = config;
      changed.recompute = recompute;
      expect_same(step(changed), expected);
    }
  }
}

TEST(Fp32Residual, IsNearerToFp32ThanAStreamOf16Bits) {
  for (const ModelConfig& config : models()) {
    ModelConfig narrow = config;
    narrow.fp32_residual_connection = false;
    const Result expected = exact_step(config, config.dtype);
    const Result result = step(config);
    const Result other = step(narrow);
    EXPECT_NE(result.loss, other.loss);
    EXPECT_LT(distance(result.gradients, expected.gradients),
              distance(other.gradients, expected.gradients));
  }
}

TEST(Fp32Residual, TakesTwoMoreBytesForEveryElementOfTheStream) {
  for (const ModelConfig& config : models()) {
    ModelConfig narrow = config;
    narrow.fp32_residual_connection = false;
    // Two sums of each layer, the embedding, and the gradient.
    const auto elements =
        static_cast<size_t>((2 * config.num_layers + 2) * kShape.tokens() * config.hidden_size);
    EXPECT_EQ(ModelChunk::slot_bytes(config, whole_model(config), kShape, BackwardMode::fused),
              ModelChunk::slot_bytes(narrow, whole_model(narrow), kShape, BackwardMode::fused) +
                  2 * elements);
  }
}

TEST(Fp32Residual, ChangesNothingInAModelOfFp32) {
  ModelConfig config = gpt(DType::f32);
  const Result expected = step(config);
  config.fp32_residual_connection = false;
  expect_same(step(config), expected);
}

}  // namespace
}  // namespace weft::model
