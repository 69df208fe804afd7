#include "weft/model/sampling.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace weft::model {
namespace {

constexpr std::array<float, 6> kLogits{0.0F, 2.0F, 1.0F, -1.0F, 2.0F, 9.0F};
constexpr int64_t kVocab = 5;  // the last logit is padding

std::array<int, 6> histogram(const SamplingConfig& config, int draws) {
  std::array<int, 6> counts{};
  for (int i = 0; i < draws; ++i) {
    ++counts[static_cast<size_t>(sample_token(kLogits, kVocab, config, i))];
  }
  return counts;
}

TEST(Sampling, TemperatureZeroTakesTheFirstMostLikelyRealToken) {
  EXPECT_EQ(sample_token(kLogits, kVocab, {.temperature = 0.0}, 0), 1);
}

TEST(Sampling, FrequenciesFollowTheSoftmax) {
  const int draws = 20000;
  const auto counts = histogram({.temperature = 1.0}, draws);
  double total = 0.0;
  for (int64_t v = 0; v < kVocab; ++v) total += std::exp(kLogits[static_cast<size_t>(v)]);
  for (size_t v = 0; v < kVocab; ++v) {
    const double expected = std::exp(kLogits[v]) / total;
    EXPECT_NEAR(counts[v] / static_cast<double>(draws), expected, 0.015) << v;
  }
  EXPECT_EQ(counts[5], 0) << "padding was drawn";
}

TEST(Sampling, TopKAndTopPKeepTheMostLikely) {
  const auto top2 = histogram({.top_k = 2}, 2000);
  EXPECT_EQ(top2[1] + top2[4], 2000);
  EXPECT_GT(top2[1], 800);
  EXPECT_GT(top2[4], 800);
  const auto nucleus = histogram({.top_p = 0.1}, 100);
  EXPECT_EQ(nucleus[1], 100);
}

TEST(Sampling, DrawsDependOnSeedAndPositionAlone) {
  const SamplingConfig one{.seed = 1};
  const SamplingConfig two{.seed = 2};
  int different = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(sample_token(kLogits, kVocab, one, i), sample_token(kLogits, kVocab, one, i));
    different += sample_token(kLogits, kVocab, one, i) != sample_token(kLogits, kVocab, two, i);
  }
  EXPECT_GT(different, 20);
}

TEST(Sampling, ValidateNamesTheFlags) {
  const SamplingConfig bad{.temperature = -1.0, .top_k = -1, .top_p = 0.0};
  const auto errors = bad.validate();
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_NE(errors[0].find("--temperature"), std::string::npos);
  EXPECT_NE(errors[1].find("--top-k"), std::string::npos);
  EXPECT_NE(errors[2].find("--top-p"), std::string::npos);
  EXPECT_TRUE(SamplingConfig{}.validate().empty());
}

}  // namespace
}  // namespace weft::model
