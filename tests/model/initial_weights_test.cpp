// How the flags of initialisation choose the first values of every parameter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "weft/model/gpt_parameters.hpp"

namespace weft::model {
namespace {

ModelConfig small_model() {
  ModelConfig config;
  config.num_layers = 2;
  config.hidden_size = 64;
  config.ffn_hidden_size = 200;
  config.num_attention_heads = 4;
  config.kv_channels = 16;
  config.vocab_size = 300;
  config.max_position_embeddings = 50;
  config.tied_embeddings = false;
  return config;
}

float largest(const Parameter& parameter) {
  float result = 0.0F;
  for (const float value : parameter.main.span<float>()) result = std::max(result, std::abs(value));
  return result;
}

bool is_scaled(const Parameter& parameter) {
  return parameter.name.ends_with("linear_proj.weight") ||
         parameter.name.ends_with("linear_fc2.weight");
}

TEST(InitialWeights, XavierFillsItsBoundAndLeavesTheScaledMatricesAlone) {
  ModelConfig config = small_model();
  ParameterSet normal = make_gpt_parameters(config);
  normal.initialize(7);
  config.init_method_xavier_uniform = true;
  ParameterSet xavier = make_gpt_parameters(config);
  xavier.initialize(7);
  int plain = 0;
  for (const Parameter& parameter : xavier.all()) {
    const auto before = normal.at(parameter.name).main.span<float>();
    const bool same = std::ranges::equal(parameter.main.span<float>(), before);
    if (!parameter.decays() || is_scaled(parameter)) {
      EXPECT_TRUE(same) << parameter.name;
      continue;
    }
    ++plain;
    const auto fans = static_cast<double>(parameter.shape[0] + parameter.shape[1]);
    const double bound = std::sqrt(6.0 / fans);
    EXPECT_FALSE(same) << parameter.name;
    EXPECT_LE(largest(parameter), bound * (1.0 + 1e-6)) << parameter.name;
    EXPECT_GT(largest(parameter), 0.99 * bound) << parameter.name;
  }
  EXPECT_EQ(plain, 2 + 2 * 2 + 1);  // both tables, qkv and fc1 of two layers, the output matrix
}

TEST(InitialWeights, MeansAreWhatIsNotDrawn) {
  for (const bool minus_one : {false, true}) {
    ModelConfig config = small_model();
    config.layernorm_1p = minus_one;
    config.dtype = DType::bf16;
    ParameterSet parameters = make_gpt_parameters(config);
    parameters.initialize(7);
    parameters.initialize_means();
    for (const Parameter& parameter : parameters.all()) {
      const bool is_gamma = parameter.name.ends_with("norm.weight");
      const float expected = is_gamma && !minus_one ? 1.0F : 0.0F;
      for (const float value : parameter.main.span<float>()) ASSERT_EQ(value, expected);
      for (const BFloat16 value : parameter.value.span<BFloat16>()) {
        ASSERT_EQ(to_float(value), expected) << parameter.name;
      }
    }
  }
}

}  // namespace
}  // namespace weft::model
