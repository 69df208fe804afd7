// Every kind of model that the flags can build, by the same tests: gradients are central
// differences, bits depend neither on threads nor on how backward is cut, and the cache of
// generation changes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "support/model_run.hpp"
#include "weft/kernels/context.hpp"
#include "weft/model/generator.hpp"

namespace weft::model {
namespace {

using testing::ModelRun;
using testing::same_bits;

constexpr MicrobatchShape kShape{.sequence = 33, .samples = 3};
constexpr DropoutRates kDropout{.hidden = 0.2, .attention = 0.1, .seed = 7};

ModelConfig gpt() {
  ModelConfig config;
  config.num_layers = 2;
  config.hidden_size = 24;
  config.ffn_hidden_size = 56;
  config.num_attention_heads = 6;
  config.kv_channels = 8;
  config.vocab_size = 67;
  config.max_position_embeddings = 40;
  return config;
}

ModelConfig llama() {
  ModelConfig config = gpt();
  config.num_query_groups = 2;
  config.normalization = Normalization::rms_norm;
  config.activation = kernels::Activation::swiglu;
  config.position_embedding = PositionEmbedding::rope;
  config.linear_bias = config.qkv_bias = false;
  config.tied_embeddings = false;
  return config;
}

struct Family {
  const char* name;
  ModelConfig config;
};

std::vector<Family> families() {
  std::vector<Family> list = {{"llama", llama()}};
  const auto add = [&list](const char* name, ModelConfig base, auto change) {
    change(base);
    list.push_back({name, base});
  };
  add("llama_one_group_partial_rope", llama(), [](ModelConfig& c) {
    c.num_query_groups = 1;
    c.rotary.percent = 0.5;
    c.rotary.pairs = kernels::RotaryPairs::neighbours;
    c.rotary.base = 50.0;
    c.rotary.interpolation_factor = 2.0;
  });
  add("llama_qkv_bias_scaled_rope_tied", llama(), [](ModelConfig& c) {
    c.qkv_bias = true;
    c.rotary.base = 500000.0;
    c.rotary.llama3_scaling = true;
    c.tied_embeddings = true;
  });
  add("llama_qk_norm_stored_minus_one", llama(), [](ModelConfig& c) {
    c.qk_layernorm = true;
    c.layernorm_1p = true;
  });
  add("gpt_qk_norm_squared_relu", gpt(), [](ModelConfig& c) {
    c.qk_layernorm = true;
    c.activation = kernels::Activation::squared_relu;
  });
  add("gpt_swiglu_without_positions", gpt(), [](ModelConfig& c) {
    c.activation = kernels::Activation::swiglu;
    c.position_embedding = PositionEmbedding::none;
    c.layernorm_1p = true;
  });
  add("gpt_grouped_without_biases", gpt(), [](ModelConfig& c) {
    c.num_query_groups = 3;
    c.linear_bias = c.qkv_bias = false;
    c.activation = kernels::Activation::gelu_erf;
  });
  return list;
}

class ModelFamily : public ::testing::TestWithParam<Family> {
 protected:
  const ModelConfig& config() const { return GetParam().config; }
};

TEST_P(ModelFamily, IsValidAndCountsItsParameters) {
  EXPECT_TRUE(config().validate().empty()) << config().validate().front();
  EXPECT_EQ(make_gpt_parameters(config()).num_elements(), config().num_parameters());
}

TEST_P(ModelFamily, GradientsAreCentralDifferences) {
  testing::expect_central_differences(config(), kShape, kDropout);
}

TEST_P(ModelFamily, SplitBackwardHasTheBitsOfTheFusedOne) {
  const auto data = testing::random_microbatch(kShape, config().vocab_size, 1);
  ModelRun fused(config(), kShape, BackwardMode::fused, kDropout);
  ModelRun split(config(), kShape, BackwardMode::split, kDropout);
  EXPECT_EQ(fused.step(data), split.step(data));
  EXPECT_TRUE(same_bits(fused.gradients(), split.gradients()));
}

TEST_P(ModelFamily, BitsDoNotDependOnTheNumberOfThreads) {
  const auto data = testing::random_microbatch(kShape, config().vocab_size, 2);
  std::optional<double> loss;
  std::vector<float> gradients;
  for (const int threads : {1, 2, 4}) {
    kernels::set_num_threads(threads);
    ModelRun run(config(), kShape, BackwardMode::fused, kDropout);
    const double this_loss = run.step(data);
    if (loss) {
      EXPECT_EQ(this_loss, *loss) << threads << " threads";
      EXPECT_TRUE(same_bits(run.gradients(), gradients)) << threads << " threads";
    }
    loss = this_loss;
    gradients = run.gradients();
  }
}

TEST_P(ModelFamily, CachedLogitsAreThoseOfTraining) {
  ModelRun run(config(), kShape, BackwardMode::fused, DropoutRates{});
  const auto data = testing::random_microbatch(kShape, config().vocab_size, 3);
  run.chunk.evaluate(run.slot, data.view());
  const auto expected = run.chunk.evaluated_logits().span<float>();
  const std::vector<int32_t> tokens(data.tokens.begin(), data.tokens.begin() + kShape.sequence);
  Generator generator(run.stream, config(), run.parameters);
  constexpr size_t kPrompt = 5;
  for (size_t at = 0; at < tokens.size();) {
    const size_t count = at == 0 ? kPrompt : 1;
    const auto logits = generator.append(std::span(tokens).subspan(at, count));
    at += count;
    const size_t row = (at - 1) * static_cast<size_t>(kShape.samples * config().vocab_size);
    for (size_t v = 0; v < logits.size(); ++v) {
      ASSERT_NEAR(logits[v], expected[row + v], 2e-5) << "position " << at - 1 << " token " << v;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ModelFamily, ::testing::ValuesIn(families()),
                         [](const auto& family) { return std::string(family.param.name); });

/// Mean loss of a model whose every parameter has the same start for the same name.
double loss_of(const ModelConfig& config) {
  ModelRun run(config, kShape, BackwardMode::fused, DropoutRates{});
  return run.chunk.forward(run.slot, testing::random_microbatch(kShape, 67, 4).view(), 1.0).mean();
}

// Each field must reach the computation: a model that ignored it would have the same loss.
TEST(ModelConfigFields, EachChangesTheLoss) {
  const double base = loss_of(llama());
  const auto expect_change = [base](const char* field, auto change) {
    ModelConfig config = llama();
    change(config);
    EXPECT_NE(loss_of(config), base) << field;
  };
  expect_change("num_query_groups", [](ModelConfig& c) { c.num_query_groups = 3; });
  expect_change("normalization",
                [](ModelConfig& c) { c.normalization = Normalization::layer_norm; });
  expect_change("qk_layernorm", [](ModelConfig& c) { c.qk_layernorm = true; });
  expect_change("activation",
                [](ModelConfig& c) { c.activation = kernels::Activation::squared_relu; });
  expect_change("position_embedding",
                [](ModelConfig& c) { c.position_embedding = PositionEmbedding::none; });
  expect_change("rotary.percent", [](ModelConfig& c) { c.rotary.percent = 0.5; });
  expect_change("rotary.base", [](ModelConfig& c) { c.rotary.base = 500.0; });
  expect_change("rotary.pairs",
                [](ModelConfig& c) { c.rotary.pairs = kernels::RotaryPairs::neighbours; });
  expect_change("rotary.interpolation_factor",
                [](ModelConfig& c) { c.rotary.interpolation_factor = 2.0; });
  expect_change("linear_bias", [](ModelConfig& c) { c.linear_bias = true; });
  expect_change("qkv_bias", [](ModelConfig& c) { c.qkv_bias = true; });
  expect_change("tied_embeddings", [](ModelConfig& c) { c.tied_embeddings = true; });
}

TEST(ModelConfigFields, EachBrokenRuleNamesItsFlag) {
  const auto expect_refusal = [](const std::string& flag, auto change) {
    ModelConfig config = llama();
    change(config);
    const auto errors = config.validate();
    ASSERT_EQ(errors.size(), 1U) << flag;
    EXPECT_TRUE(errors.front().starts_with(flag)) << errors.front();
  };
  expect_refusal("--num-query-groups", [](ModelConfig& c) { c.num_query_groups = 4; });
  expect_refusal("--num-query-groups", [](ModelConfig& c) { c.num_query_groups = -2; });
  expect_refusal("--kv-channels", [](ModelConfig& c) { c.kv_channels = 258; });
  expect_refusal("--rotary-percent", [](ModelConfig& c) { c.rotary.percent = 1.5; });
  expect_refusal("--rotary-percent", [](ModelConfig& c) { c.rotary.percent = 0.4; });
  expect_refusal("--rotary-base", [](ModelConfig& c) { c.rotary.base = 0.0; });
}

// A model that stores its norm weights minus one starts as the same function.
TEST(ModelConfigFields, NormWeightsMinusOneStartAtZero) {
  ModelConfig config = llama();
  config.layernorm_1p = true;
  ParameterSet shifted = make_gpt_parameters(config);
  ParameterSet plain = make_gpt_parameters(llama());
  shifted.initialize(1);
  plain.initialize(1);
  EXPECT_EQ(shifted.at("decoder.final_layernorm.weight").value.span<float>()[0], 0.0F);
  EXPECT_EQ(plain.at("decoder.final_layernorm.weight").value.span<float>()[0], 1.0F);
  const auto data = testing::random_microbatch(kShape, config.vocab_size, 5);
  const auto loss = [&data](const ModelConfig& c, ParameterSet& parameters) {
    Stream stream;
    RankModel model(stream, c, kShape, BackwardMode::fused, parameters, {});
    ModelChunk& chunk = model.chunk(0);
    Buffer memory(chunk.slot_bytes());
    Arena arena(memory.data(), memory.size_bytes());
    ActivationSlot slot = chunk.make_slot(arena);
    return chunk.forward(slot, data.view(), 1.0).mean();
  };
  EXPECT_EQ(loss(config, shifted), loss(llama(), plain));
}

}  // namespace
}  // namespace weft::model
