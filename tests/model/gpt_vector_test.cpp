// vectors/tiny_models.json: a whole GPT and a whole Llama against a float64 reference.
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "support/tiny_gpt.hpp"
#include "support/vectors.hpp"
#include "weft/model/rank_model.hpp"

namespace weft::model {
namespace {

constexpr double kTolerance = 1e-5;  // relative, fp32 against float64

void expect_relative(double actual, double expected, const std::string& what) {
  EXPECT_NEAR(actual, expected, kTolerance * std::max(1.0, std::abs(expected))) << what;
}

class GptVector : public ::testing::TestWithParam<std::tuple<const char*, BackwardMode>> {
 protected:
  GptVector()
      : tiny_(testing::load_vector("tiny_models"), std::get<0>(GetParam())),
        mode_(std::get<1>(GetParam())),
        parameters_(tiny_.parameters()),
        model_(stream_, tiny_.config, tiny_.shape, mode_, parameters_, DropoutRates{}),
        chunk_(model_.chunk(0)),
        memory_(chunk_.slot_bytes()),
        arena_(memory_.data(), memory_.size_bytes()),
        slot_(chunk_.make_slot(arena_)) {}

  Stream stream_;
  testing::TinyGpt tiny_;
  BackwardMode mode_;
  ParameterSet parameters_;
  RankModel model_;
  ModelChunk& chunk_;
  Buffer memory_;
  Arena arena_;
  ActivationSlot slot_;
};

TEST_P(GptVector, ParameterListIsTheVectors) {
  const auto& listed = tiny_.json.at("params");
  ASSERT_EQ(parameters_.all().size(), listed.size());
  for (size_t k = 0; k < listed.size(); ++k) {
    const Parameter& parameter = parameters_.all()[k];
    EXPECT_EQ(testing::TinyGpt::vector_name(parameter.name), listed[k].at("name"));
    const auto sizes = listed[k].at("shape").get<std::vector<int64_t>>();
    ASSERT_EQ(parameter.shape.num_dims(), sizes.size());
    for (size_t dim = 0; dim < sizes.size(); ++dim) EXPECT_EQ(parameter.shape[dim], sizes[dim]);
  }
  EXPECT_EQ(parameters_.num_elements(), tiny_.config.num_parameters());
}

TEST_P(GptVector, ForwardGivesLogitsAndTokenLosses) {
  const auto data = tiny_.microbatch(0);
  const LossSum loss = chunk_.evaluate(slot_, data.view());
  const auto& expected = tiny_.json.at("mb0");
  expect_relative(loss.mean(), expected.at("mean_loss"), "mean loss");

  const int64_t vocab = tiny_.config.vocab_size;
  const auto logits = chunk_.evaluated_logits().span<float>();
  const auto last = logits.subspan(static_cast<size_t>((tiny_.shape.tokens() - 1) * vocab));
  for (size_t i = 0; i < 8; ++i) {
    expect_relative(logits[i], expected.at("logits_b0_s0_first8")[i], "first logits");
    expect_relative(last[i], expected.at("logits_last_b_last_s_first8")[i], "last logits");
  }
  const auto loss_T = slot_.head.loss_T.span<float>();
  for (int64_t b = 0; b < tiny_.shape.samples; ++b) {
    for (int64_t s = 0; s < tiny_.shape.sequence; ++s) {
      expect_relative(loss_T[static_cast<size_t>(s * tiny_.shape.samples + b)],
                      expected.at("per_token_loss")[static_cast<size_t>(b)][static_cast<size_t>(s)],
                      "token loss");
    }
  }
}

TEST_P(GptVector, GradientsOfTwoMicrobatchesMatch) {
  model_.start_gradients();
  for (int64_t m = 0; m < tiny_.num_microbatches; ++m) {
    const auto data = tiny_.microbatch(m);
    chunk_.forward(slot_, data.view(), 1.0 / static_cast<double>(tiny_.num_microbatches));
    if (mode_ == BackwardMode::split) {
      chunk_.backward_input(slot_);
      chunk_.backward_weight(slot_);
    } else {
      chunk_.backward(slot_);
    }
  }
  model_.finalize_gradients();

  const auto& step = tiny_.json.at("steps")[0];
  double total = 0.0;
  for (const Parameter& parameter : parameters_.all()) {
    const std::string name = testing::TinyGpt::vector_name(parameter.name);
    double squares = 0.0;
    for (const float g : parameter.grad.span<float>()) squares += static_cast<double>(g) * g;
    const double norm = std::sqrt(squares);
    const double expected_norm = step.at("grad_l2_per_param").at(name);
    EXPECT_NEAR(norm, expected_norm, kTolerance * expected_norm) << name;
    const auto& first = step.at("grad_first4_per_param").at(name);
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_NEAR(parameter.grad.span<float>()[i], first[i].get<double>(),
                  kTolerance * expected_norm)
          << name << " element " << i;
    }
    total += squares;
  }
  expect_relative(std::sqrt(total), step.at("grad_norm"), "gradient norm");
}

INSTANTIATE_TEST_SUITE_P(ModelsAndModes, GptVector,
                         ::testing::Combine(::testing::Values("gpt", "llama_like"),
                                            ::testing::Values(BackwardMode::fused,
                                                              BackwardMode::split)),
                         [](const auto& test) {
                           const bool fused = std::get<1>(test.param) == BackwardMode::fused;
                           return std::string(std::get<0>(test.param)) +
                                  (fused ? "_fused" : "_split");
                         });

}  // namespace
}  // namespace weft::model
