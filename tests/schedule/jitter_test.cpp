#include "weft/schedule/jitter.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace weft::schedule {
namespace {

TEST(Jitter, WithoutSigmaIsOne) {
  EXPECT_EQ(jitter(0, 1, JitterKind::forward, 2, 3), 1);
  EXPECT_EQ(jitter(0, 7, JitterKind::length, 0, 0), 1);
}

// Values of reference/schedules.md A.1, computed from its formula in Python.
TEST(Jitter, IsTheFormulas) {
  EXPECT_NEAR(jitter(0.3, 1, JitterKind::forward, 0, 0), 0.7311933527963163, 1e-12);
  EXPECT_NEAR(jitter(0.3, 5, JitterKind::backward_weight, 63, 31), 1.53095829922547, 1e-12);
  EXPECT_NEAR(jitter(1.0, 2, JitterKind::backward_message, 3, 4), 1.0411926421253654, 1e-12);
}

TEST(Jitter, HasMeanOneAndTheSigmaOfItsLogarithm) {
  for (const double sigma : {0.1, 0.3, 1.0}) {
    constexpr int kDraws = 40000;
    double sum = 0;
    double log_sum = 0;
    double log_squares = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double factor = jitter(sigma, 11, JitterKind::backward_input, i % 200, i / 200);
      ASSERT_GT(factor, 0);
      sum += factor;
      log_sum += std::log(factor);
      log_squares += std::log(factor) * std::log(factor);
    }
    const double spread = std::sqrt((std::exp(sigma * sigma) - 1) / kDraws);  // of the mean
    EXPECT_NEAR(sum / kDraws, 1, 4 * spread) << sigma;
    const double log_mean = log_sum / kDraws;
    EXPECT_NEAR(log_mean, -sigma * sigma / 2, 4 * sigma / std::sqrt(kDraws)) << sigma;
    EXPECT_NEAR(std::sqrt(log_squares / kDraws - log_mean * log_mean), sigma, 0.02 * sigma)
        << sigma;
  }
}

TEST(Jitter, DependsOnEveryPartOfItsKeyAndOnNothingElse) {
  std::set<double> factors;
  for (const uint64_t seed : {0, 1, 2}) {
    for (const JitterKind kind :
         {JitterKind::forward, JitterKind::backward_input, JitterKind::backward_weight,
          JitterKind::forward_message, JitterKind::backward_message, JitterKind::length}) {
      for (int64_t unit = 0; unit < 5; ++unit) {
        for (int64_t m = 0; m < 5; ++m) {
          const double factor = jitter(0.3, seed, kind, unit, m);
          EXPECT_EQ(factor, jitter(0.3, seed, kind, unit, m));
          factors.insert(factor);
        }
      }
    }
  }
  EXPECT_EQ(factors.size(), 3U * 6U * 5U * 5U);
}

}  // namespace
}  // namespace weft::schedule
