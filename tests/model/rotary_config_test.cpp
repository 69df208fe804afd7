#include "weft/model/rotary_config.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"

namespace weft::model {
namespace {

void expect_frequencies(const RotaryConfig& config, int64_t head_dim, const std::string& name) {
  const auto expected =
      testing::load_vector("activations_rope").at(name).get<std::vector<double>>();
  const std::vector<double> frequencies = config.frequencies(head_dim);
  ASSERT_EQ(frequencies.size(), expected.size()) << name;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(frequencies[i], expected[i], 1e-6 * expected[i]) << name << " " << i;
  }
}

// vectors/activations_rope.json: fp32 values of Megatron's formulas.
TEST(RotaryConfig, FrequenciesAreThoseOfTheVector) {
  RotaryConfig config;
  expect_frequencies(config, 8, "rope_inv_freq_dim8_base10000");
  config.base = 500000.0;
  expect_frequencies(config, 128, "rope_inv_freq_dim128_base500000");
  config.llama3_scaling = true;
  expect_frequencies(config, 128, "rope_inv_freq_dim128_base500000_llama3_scaled");
}

TEST(RotaryConfig, TheScalingFactorDividesTheSlowestFrequencies) {
  RotaryConfig config;
  config.base = 500000.0;
  const double plain = config.frequencies(128).back();
  config.llama3_scaling = true;
  config.llama3_scaling_factor = 32.0;
  EXPECT_DOUBLE_EQ(config.frequencies(128).back(), plain / 32.0);
  EXPECT_EQ(config.frequencies(128).front(), 1.0);
}

TEST(RotaryConfig, APartOfTheHeadTurns) {
  RotaryConfig config;
  config.percent = 0.25;
  EXPECT_EQ(config.turning_channels(64), 16);
  EXPECT_EQ(config.frequencies(64).size(), 8U);
}

}  // namespace
}  // namespace weft::model
