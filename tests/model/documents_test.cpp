// Attention that stays within documents (--reset-attention-mask), in whole models.
#include <gtest/gtest.h>

#include "support/model_run.hpp"
#include "support/thread_counts.hpp"
#include "weft/base/error.hpp"

namespace weft::model {
namespace {

using testing::ModelRun;
using testing::same_bits;

constexpr MicrobatchShape kShape{.sequence = 150, .samples = 2};
constexpr DropoutRates kDropout{.hidden = 0.2, .attention = 0.1, .seed = 7};
const std::vector<int64_t> kEnds = {3, 64, 140};

ModelConfig gpt(DType dtype = DType::f32) {
  ModelConfig config;
  config.num_layers = 3;
  config.hidden_size = 24;
  config.ffn_hidden_size = 56;
  config.num_attention_heads = 3;
  config.kv_channels = 8;
  config.vocab_size = 67;
  config.max_position_embeddings = 150;
  config.reset_attention_mask = true;
  config.dtype = dtype;
  return config;
}

ModelConfig llama(DType dtype = DType::f32) {
  ModelConfig config = gpt(dtype);
  config.num_query_groups = 1;
  config.normalization = Normalization::rms_norm;
  config.activation = kernels::Activation::swiglu;
  config.position_embedding = PositionEmbedding::rope;
  config.linear_bias = config.qkv_bias = false;
  return config;
}

testing::MicrobatchData data_of(const ModelConfig& config) {
  auto data = testing::random_microbatch(kShape, config.vocab_size, 1);
  data.set_documents(kEnds);
  return data;
}

struct Result {
  double loss = 0.0;
  std::vector<float> gradients;
};

Result step(const ModelConfig& config, BackwardMode mode = BackwardMode::fused) {
  ModelRun run(config, kShape, mode, kDropout);
  Result result;
  result.loss = run.step(data_of(config));
  result.gradients = run.gradients();
  return result;
}

void expect_same(const Result& result, const Result& expected) {
  EXPECT_EQ(result.loss, expected.loss);
  EXPECT_TRUE(same_bits(result.gradients, expected.gradients));
}

TEST(Documents, GradientsAreCentralDifferences) {
  testing::expect_central_differences(gpt(), kShape, kDropout, kEnds);
  testing::expect_central_differences(llama(), kShape, kDropout, kEnds);
}

TEST(Documents, BitsDependNeitherOnTheCutOfBackwardNorOnThreadsNorOnRecomputation) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    for (const ModelConfig& config : {gpt(dtype), llama(dtype)}) {
      SCOPED_TRACE(name(dtype));
      const Result expected = step(config);
      expect_same(step(config, BackwardMode::split), expected);
      {
        const testing::ThreadCount three(3);
        expect_same(step(config), expected);
      }
      for (const RecomputeConfig& recompute :
           {RecomputeConfig{.granularity = RecomputeGranularity::selective},
            RecomputeConfig{RecomputeGranularity::full, RecomputeMethod::uniform, 2},
            RecomputeConfig{RecomputeGranularity::full, RecomputeMethod::block, 2}}) {
        ModelConfig changed = config;
        changed.recompute = recompute;
        expect_same(step(changed), expected);
      }
    }
  }
}

TEST(Documents, LossesDependOnNothingBeforeTheirDocument) {
  const ModelConfig config = gpt();
  ModelRun run(config, kShape, BackwardMode::fused, DropoutRates{});
  auto data = data_of(config);
  const auto losses = [&] {
    run.chunk.evaluate(run.slot, data.view());
    const auto loss_T = run.slot.head.loss_T.span<float>();
    return std::vector<float>(loss_T.begin(), loss_T.end());
  };
  const std::vector<float> before = losses();
  for (size_t s = 0; s <= 64; ++s) data.tokens[s] = (data.tokens[s] + 1) % config.vocab_size;
  const std::vector<float> after = losses();
  for (size_t s = 0; s < 150; ++s) {
    EXPECT_EQ(before[2 * s] == after[2 * s], s > 64) << s;  // the sample that was changed
    EXPECT_EQ(before[2 * s + 1], after[2 * s + 1]) << s;    // its neighbour
  }
}

TEST(Documents, AMicrobatchWithoutStartsIsRefused) {
  const ModelConfig config = gpt();
  ModelRun run(config, kShape, BackwardMode::fused, DropoutRates{});
  const auto data = testing::random_microbatch(kShape, config.vocab_size, 1);
  EXPECT_THROW(run.chunk.evaluate(run.slot, data.view()), Error);
}

}  // namespace
}  // namespace weft::model
