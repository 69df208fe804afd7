// A whole model in every element type: the same bits where they are promised, near fp32 where not.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <tuple>

#include "support/model_run.hpp"
#include "support/thread_counts.hpp"

namespace weft::model {
namespace {

using testing::ModelRun;
using testing::same_bits;

constexpr MicrobatchShape kShape{.sequence = 33, .samples = 3};
constexpr DropoutRates kDropout{.hidden = 0.2, .attention = 0.1, .seed = 7};

ModelConfig gpt() {
  ModelConfig config;
  config.num_layers = 3;
  config.hidden_size = 24;
  config.ffn_hidden_size = 56;
  config.num_attention_heads = 3;
  config.kv_channels = 8;
  config.vocab_size = 67;
  config.max_position_embeddings = 40;
  return config;
}

ModelConfig llama() {
  ModelConfig config = gpt();
  config.num_attention_heads = 6;
  config.num_query_groups = 2;
  config.normalization = Normalization::rms_norm;
  config.activation = kernels::Activation::swiglu;
  config.position_embedding = PositionEmbedding::rope;
  config.qk_layernorm = true;
  config.linear_bias = config.qkv_bias = false;
  config.tied_embeddings = false;
  return config;
}

/// Loss and gradients of one step.
struct Result {
  double loss = 0.0;
  std::vector<float> gradients;

  bool operator==(const Result& other) const {
    return loss == other.loss && same_bits(gradients, other.gradients);
  }
  double gradient_norm() const {
    double squares = 0.0;
    for (const float g : gradients) squares += static_cast<double>(g) * g;
    return std::sqrt(squares);
  }
};

Result step(const ModelConfig& config, BackwardMode mode = BackwardMode::fused,
            const DropoutRates& rates = kDropout) {
  ModelRun run(config, kShape, mode, rates);
  Result result;
  result.loss = run.step(testing::random_microbatch(kShape, config.vocab_size, 1));
  result.gradients = run.gradients();
  return result;
}

class ElementType : public ::testing::TestWithParam<std::tuple<DType, bool>> {
 protected:
  ModelConfig config() const {
    ModelConfig made = std::get<bool>(GetParam()) ? llama() : gpt();
    made.dtype = std::get<DType>(GetParam());
    return made;
  }
};

TEST_P(ElementType, SplitBackwardHasTheBitsOfTheFusedOne) {
  EXPECT_EQ(step(config(), BackwardMode::split), step(config()));
}

TEST_P(ElementType, BitsDoNotDependOnThreads) {
  const Result expected = step(config());
  for (const int count : {1, 2, 4}) {
    const testing::ThreadCount threads(count);
    EXPECT_EQ(step(config()), expected) << count << " threads";
  }
}

TEST_P(ElementType, RecomputationChangesMemoryAndNoBits) {
  const Result expected = step(config());
  const size_t all =
      ModelChunk::slot_bytes(config(), whole_model(config()), kShape, BackwardMode::fused);
  const auto expect_same = [&](const RecomputeConfig& recompute) {
    ModelConfig changed = config();
    changed.recompute = recompute;
    EXPECT_EQ(step(changed), expected);
    const size_t bytes =
        ModelChunk::slot_bytes(changed, whole_model(changed), kShape, BackwardMode::fused);
    EXPECT_LT(bytes, all);
    return bytes;
  };
  const auto full = [&](RecomputeMethod method, int64_t layers) {
    SCOPED_TRACE(layers);
    return expect_same({RecomputeGranularity::full, method, layers});
  };
  const size_t selective = expect_same({.granularity = RecomputeGranularity::selective});
  const size_t one = full(RecomputeMethod::uniform, 1);
  const size_t two = full(RecomputeMethod::uniform, 2);
  const size_t three = full(RecomputeMethod::uniform, 3);
  const size_t block1 = full(RecomputeMethod::block, 1);
  const size_t block3 = full(RecomputeMethod::block, 3);
  EXPECT_LT(three, two);  // a group keeps its input and nothing else
  EXPECT_LT(two, one);
  EXPECT_LT(one, selective);
  EXPECT_LT(block3, block1);
  EXPECT_EQ(block3, one);
}

TEST_P(ElementType, LossAndGradientsAreNearThoseOfFp32) {
  ModelConfig exact = config();
  exact.dtype = DType::f32;
  const Result expected = step(exact);
  const Result result = step(config());
  EXPECT_NEAR(result.loss, expected.loss, 2e-2 * expected.loss);
  EXPECT_NEAR(result.gradient_norm(), expected.gradient_norm(), 2e-2 * expected.gradient_norm());
}

TEST_P(ElementType, KernelsOfBothInstructionSetsAgree) {
  if (best_instruction_set() == InstructionSet::v3) GTEST_SKIP() << "this processor has one set";
  const auto loss_on = [&](InstructionSet set) {
    Stream stream({}, set);
    ParameterSet parameters = make_gpt_parameters(config());
    parameters.initialize(3);
    RankModel model(stream, config(), kShape, BackwardMode::fused, parameters, kDropout);
    ModelChunk& chunk = model.chunk(0);
    Buffer memory(chunk.slot_bytes());
    Arena arena(memory.data(), memory.size_bytes());
    ActivationSlot slot = chunk.make_slot(arena);
    const auto data = testing::random_microbatch(kShape, config().vocab_size, 2);
    return chunk.forward(slot, data.view(), 1.0).mean();
  };
  const double expected = loss_on(InstructionSet::v3);
  const double tolerance = config().dtype == DType::f32 ? 1e-6 : 1e-3;
  EXPECT_NEAR(loss_on(InstructionSet::v4), expected, tolerance * expected);
}

INSTANTIATE_TEST_SUITE_P(Types, ElementType,
                         ::testing::Combine(::testing::Values(DType::f32, DType::bf16, DType::f16),
                                            ::testing::Bool()),
                         [](const auto& type) {
                           return std::string(name(std::get<DType>(type.param))) +
                                  (std::get<bool>(type.param) ? "_llama" : "_gpt");
                         });

TEST(OutputHeadChunks, LossAndGradientsDoNotDependOnWhereAMicrobatchIsCut) {
  // 2100 tokens are chunks of 1024, 1024 and 52; two microbatches of 1050 are cut elsewhere.
  ModelConfig config = gpt();
  config.num_layers = 1;
  config.max_position_embeddings = 1050;
  const MicrobatchShape both{.sequence = 1050, .samples = 2};
  const MicrobatchShape single{.sequence = 1050, .samples = 1};
  const auto data = testing::random_microbatch(both, config.vocab_size, 4);
  ModelRun run(config, both, BackwardMode::fused, DropoutRates{});
  const double loss = run.step(data);
  const auto gradients = run.gradients();

  ModelRun halves(config, single, BackwardMode::fused, DropoutRates{});
  halves.model.start_gradients();
  double sum = 0.0;
  for (int64_t b = 0; b < 2; ++b) {
    testing::MicrobatchData half(single);
    for (int64_t s = 0; s < both.sequence; ++s) {
      const auto i = static_cast<size_t>(b * both.sequence + s);
      half.set(0, s, data.tokens[i], data.labels[i]);
    }
    sum += halves.chunk.forward(halves.slot, half.view(), 0.5).mean();
    halves.chunk.backward(halves.slot);
  }
  halves.model.finalize_gradients();
  EXPECT_NEAR(loss, 0.5 * sum, 1e-6 * loss);
  const auto other = halves.gradients();
  for (size_t i = 0; i < gradients.size(); ++i) {
    ASSERT_NEAR(gradients[i], other[i], 1e-5F + 1e-4F * std::abs(other[i])) << i;
  }
}

}  // namespace
}  // namespace weft::model
