#include "weft/data/blending.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"
#include "weft/base/error.hpp"

namespace weft::data {

namespace {

using testing::load_vector;

void expect_index(const BlendIndex& index, const nlohmann::json& entry) {
  EXPECT_EQ(index.dataset, entry.at("dataset_index").get<std::vector<int16_t>>()) << entry.dump();
  EXPECT_EQ(index.sample, entry.at("dataset_sample_index").get<std::vector<int64_t>>());
}

TEST(Blending, OrdersSamplesAsMegatron) {
  const auto entries = load_vector("data_indices").at("blending");
  ASSERT_FALSE(entries.empty());
  for (const auto& entry : entries) {
    const auto weights = entry.at("weights").get<std::vector<double>>();
    expect_index(build_blend_index(weights, entry.at("size")), entry);
  }
}

TEST(Blending, UsesEverySampleOnceWhenExhaustive) {
  const auto entries = load_vector("data_indices").at("exhaustive_blending");
  ASSERT_FALSE(entries.empty());
  for (const auto& entry : entries) {
    expect_index(build_exhaustive_blend_index(entry.at("sizes")), entry);
  }
}

TEST(Blending, AsksForAMarginAsMegatron) {
  const auto entries = load_vector("data_indices").at("sizes_with_margin");
  ASSERT_FALSE(entries.empty());
  for (const auto& entry : entries) {
    const auto weights = entry.at("weights").get<std::vector<double>>();
    for (size_t d = 0; d < weights.size(); ++d) {
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(samples_with_margin(entry.at("target")[i], weights[d], entry.at("margin")),
                  entry.at("result")[d][i].get<int64_t>());
      }
    }
  }
}

TEST(Blending, ReadsTheArgumentAsMegatron) {
  const auto entries = load_vector("data_indices").at("blend_parse");
  ASSERT_FALSE(entries.empty());
  for (const auto& entry : entries) {
    const Blend blend = parse_blend(entry.at("arg").get<std::vector<std::string>>());
    EXPECT_EQ(blend.prefixes, entry.at("result")[0].get<std::vector<std::string>>());
    const auto& weights = entry.at("result")[1];
    EXPECT_EQ(blend.weights,
              weights.is_null() ? std::vector<double>{} : weights.get<std::vector<double>>());
  }
}

TEST(Blending, RefusesSomeWeightsAndWeightsThatAreNotPositive) {
  EXPECT_THROW(parse_blend({"1", "a", "x", "b"}), Error);
  EXPECT_THROW(parse_blend({"1", "a", "0", "b"}), Error);
  EXPECT_THROW(parse_blend({"1", "a", "-2", "b"}), Error);
  EXPECT_THROW(parse_blend({"1", "a", "nan", "b"}), Error);
}

}  // namespace

}  // namespace weft::data
