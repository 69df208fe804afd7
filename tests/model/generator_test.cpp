#include "weft/model/generator.hpp"
#include "weft/model/rank_model.hpp"

#include <gtest/gtest.h>

#include "support/tiny_gpt.hpp"
#include "support/vectors.hpp"
#include "weft/base/error.hpp"
#include "weft/model/rank_model.hpp"

namespace weft::model {
namespace {

class GeneratorTest : public ::testing::TestWithParam<const char*> {
 protected:
  GeneratorTest()
      : tiny_(testing::load_vector("tiny_models"), GetParam()), parameters_(tiny_.parameters()) {}

  std::vector<int32_t> first_sample() const {
    const auto data = tiny_.microbatch(0);
    return {data.tokens.begin(),
            data.tokens.begin() + static_cast<ptrdiff_t>(tiny_.shape.sequence)};
  }

  Stream stream_;
  testing::TinyGpt tiny_;
  ParameterSet parameters_;
};

TEST_P(GeneratorTest, CachedLogitsAreThoseOfTraining) {
  RankModel model(stream_, tiny_.config, tiny_.shape, BackwardMode::fused, parameters_, {});
  ModelChunk& chunk = model.chunk(0);
  Buffer memory(chunk.slot_bytes());
  Arena arena(memory.data(), memory.size_bytes());
  ActivationSlot slot = chunk.make_slot(arena);
  const auto data = tiny_.microbatch(0);
  chunk.evaluate(slot, data.view());
  const auto expected = chunk.evaluated_logits().span<float>();

  const std::vector<int32_t> tokens = first_sample();
  for (const size_t prompt : {size_t{1}, size_t{5}, tokens.size()}) {
    Generator generator(stream_, tiny_.config, parameters_);
    for (size_t at = 0; at < tokens.size(); ++at) {
      const size_t count = at == 0 ? prompt : 1;
      const auto logits = generator.append(std::span(tokens).subspan(at, count));
      at += count - 1;
      const auto row = static_cast<size_t>(tiny_.config.vocab_size) * at *
                       static_cast<size_t>(tiny_.shape.samples);
      for (size_t v = 0; v < logits.size(); ++v) {
        ASSERT_NEAR(logits[v], expected[row + v], 2e-5) << "position " << at << " token " << v;
      }
    }
    EXPECT_EQ(generator.length(), static_cast<int64_t>(tokens.size()));
  }
}

TEST_P(GeneratorTest, RefusesWhatTheModelCannotHold) {
  Generator generator(stream_, tiny_.config, parameters_);
  EXPECT_THROW(generator.append({}), Error);
  EXPECT_THROW(generator.append(std::vector<int32_t>{40}), Error);
  EXPECT_THROW(generator.append(std::vector<int32_t>{-1}), Error);
  EXPECT_THROW(generator.append(std::vector<int32_t>(13, 1)), Error);
  generator.append(std::vector<int32_t>(12, 1));
  EXPECT_THROW(generator.append(std::vector<int32_t>{1}), Error);
}

INSTANTIATE_TEST_SUITE_P(Models, GeneratorTest, ::testing::Values("gpt", "llama_like"),
                         [](const auto& model) { return std::string(model.param); });

}  // namespace
}  // namespace weft::model
