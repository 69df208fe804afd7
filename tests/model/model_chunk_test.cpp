#include "weft/model/model_chunk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "support/model_run.hpp"
#include "weft/kernels/context.hpp"
#include "weft/model/gpt_parameters.hpp"

namespace weft::model {
namespace {

using testing::ModelRun;
using testing::same_bits;

ModelConfig small_config() {
  ModelConfig config;
  config.num_layers = 2;
  config.hidden_size = 24;
  config.ffn_hidden_size = 56;
  config.num_attention_heads = 3;
  config.kv_channels = 8;
  config.vocab_size = 67;
  config.max_position_embeddings = 40;
  return config;
}

constexpr MicrobatchShape kShape{.sequence = 33, .samples = 3};
constexpr DropoutRates kDropout{.hidden = 0.2, .attention = 0.1, .seed = 7};

TEST(ModelChunk, SplitBackwardHasTheBitsOfTheFusedOne) {
  const auto data = testing::random_microbatch(kShape, small_config().vocab_size, 1);
  ModelRun fused(small_config(), kShape, BackwardMode::fused, kDropout);
  ModelRun split(small_config(), kShape, BackwardMode::split, kDropout);
  EXPECT_EQ(fused.step(data), split.step(data));
  EXPECT_TRUE(same_bits(fused.gradients(), split.gradients()));
  EXPECT_LT(fused.chunk.slot_bytes(), split.chunk.slot_bytes());
}

TEST(ModelChunk, BitsDoNotDependOnTheNumberOfThreads) {
  const auto data = testing::random_microbatch(kShape, small_config().vocab_size, 2);
  std::optional<double> loss;
  std::vector<float> gradients;
  for (const int threads : {1, 2, 4}) {
    kernels::set_num_threads(threads);
    ModelRun run(small_config(), kShape, BackwardMode::fused, kDropout);
    const double this_loss = run.step(data);
    if (loss) {
      EXPECT_EQ(this_loss, *loss) << threads << " threads";
      EXPECT_TRUE(same_bits(run.gradients(), gradients)) << threads << " threads";
    }
    loss = this_loss;
    gradients = run.gradients();
  }
}

TEST(ModelChunk, DropoutFollowsTheSampleNotItsPlace) {
  const auto data = testing::random_microbatch(kShape, small_config().vocab_size, 3);
  testing::MicrobatchData swapped = data;  // samples 0 and 2 trade rows
  const auto row = static_cast<size_t>(kShape.sequence);
  const auto swap_rows = [row](auto& values) {
    std::swap_ranges(values.begin(), values.begin() + static_cast<ptrdiff_t>(row),
                     values.begin() + static_cast<ptrdiff_t>(2 * row));
  };
  swap_rows(swapped.tokens);
  swap_rows(swapped.labels);
  std::swap(swapped.sample_ids[0], swapped.sample_ids[2]);
  ModelRun run(small_config(), kShape, BackwardMode::fused, kDropout);
  run.chunk.forward(run.slot, data.view(), 1.0);
  const auto before = run.slot.head.loss_T.span<float>();
  const std::vector<float> losses(before.begin(), before.end());
  run.chunk.forward(run.slot, swapped.view(), 1.0);
  const auto after = run.slot.head.loss_T.span<float>();
  for (size_t s = 0; s < row; ++s) {
    EXPECT_EQ(after[3 * s], losses[3 * s + 2]) << "position " << s;
    EXPECT_EQ(after[3 * s + 2], losses[3 * s]) << "position " << s;
  }
}

TEST(ModelChunk, EvaluationUsesNoDropout) {
  const auto data = testing::random_microbatch(kShape, small_config().vocab_size, 4);
  ModelRun with(small_config(), kShape, BackwardMode::fused, kDropout);
  ModelRun without(small_config(), kShape, BackwardMode::fused, DropoutRates{});
  const double clean = without.chunk.forward(without.slot, data.view(), 1.0).mean();
  EXPECT_EQ(with.chunk.evaluate(with.slot, data.view()).mean(), clean);
  EXPECT_NE(with.chunk.forward(with.slot, data.view(), 1.0).mean(), clean);
}

TEST(ModelChunk, MaskedTokensChangeNeitherLossNorGradient) {
  auto data = testing::random_microbatch(kShape, small_config().vocab_size, 5);
  const size_t last = data.tokens.size() - 1;  // nothing attends to the last token of a sample
  data.loss_mask[last] = 0.0F;
  ModelRun run(small_config(), kShape, BackwardMode::fused, DropoutRates{});
  const double loss = run.step(data);
  const auto gradients = run.gradients();
  data.labels[last] = (data.labels[last] + 1) % small_config().vocab_size;
  EXPECT_EQ(run.step(data), loss);
  EXPECT_TRUE(same_bits(run.gradients(), gradients));
  std::ranges::fill(data.loss_mask, 0.0F);
  EXPECT_EQ(run.step(data), 0.0);
  for (const float g : run.gradients()) ASSERT_EQ(g, 0.0F);
}

TEST(ModelChunk, GradientsAreCentralDifferences) {
  testing::expect_central_differences(small_config(), kShape, kDropout);
}

TEST(ModelChunk, GradientsAreCentralDifferencesUntiedWithErfGelu) {
  ModelConfig config = small_config();
  config.tied_embeddings = false;
  config.activation = kernels::Activation::gelu_erf;
  testing::expect_central_differences(config, kShape, DropoutRates{});
}

TEST(ModelChunk, TiedEmbeddingGradientIsHeadPlusLookup) {
  // With an untied copy of the same table, the two gradients add up to the tied one.
  const auto data = testing::random_microbatch(kShape, small_config().vocab_size, 8);
  ModelRun tied(small_config(), kShape, BackwardMode::fused, DropoutRates{});
  ModelConfig untied_config = small_config();
  untied_config.tied_embeddings = false;
  ModelRun untied(untied_config, kShape, BackwardMode::fused, DropoutRates{});
  const auto table = tied.parameters.at(kWordEmbeddings).value.span<float>();
  std::ranges::copy(table, untied.parameters.at(kOutputLayer).value.span<float>().begin());
  EXPECT_EQ(tied.step(data), untied.step(data));
  const auto both = tied.parameters.at(kWordEmbeddings).grad.span<float>();
  const auto lookup = untied.parameters.at(kWordEmbeddings).grad.span<float>();
  const auto head = untied.parameters.at(kOutputLayer).grad.span<float>();
  for (size_t i = 0; i < both.size(); ++i) ASSERT_EQ(both[i], head[i] + lookup[i]) << i;
}

}  // namespace
}  // namespace weft::model
