#include "weft/kernels/math.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "weft/kernels/lanes.hpp"
#include "weft/kernels/philox_lanes.hpp"

namespace weft::kernels {
namespace {

TEST(Exp, IsWithinItsStatedErrorOverTheWholeRange) {
  double worst = 0.0;
  for (float x = -87.2F; x < 88.2F; x += 0.00173F) {
    const double exact = std::exp(static_cast<double>(x));
    const auto rounded = static_cast<float>(exact);
    const double ulp = std::nextafter(rounded, INFINITY) - rounded;
    worst = std::max(worst, std::abs(math::exp(x) - exact) / ulp);
  }
  EXPECT_LT(worst, 1.1) << "ulp";
}

TEST(Exp, EndsOfTheRange) {
  EXPECT_EQ(math::exp(0.0F), 1.0F);
  EXPECT_EQ(math::exp(-0.0F), 1.0F);
  EXPECT_EQ(math::exp(-88.0F), 0.0F);
  EXPECT_EQ(math::exp(-INFINITY), 0.0F);
  EXPECT_GT(math::exp(-87.2F), 0.0F);
  EXPECT_EQ(math::exp(1000.0F), math::exp(88.3F));
  EXPECT_TRUE(std::isfinite(math::exp(INFINITY)));
  EXPECT_TRUE(std::isnan(math::exp(NAN)));
}

TEST(Sigmoid, SaturatesWithoutOverflow) {
  EXPECT_EQ(math::sigmoid(0.0F), 0.5F);
  EXPECT_EQ(math::sigmoid(200.0F), 1.0F);
  EXPECT_NEAR(math::sigmoid(-200.0F), 0.0F, 1e-37);
  for (float x = -20.0F; x < 20.0F; x += 0.37F) {
    EXPECT_NEAR(math::sigmoid(x), 1.0 / (1.0 + std::exp(-static_cast<double>(x))), 1e-7) << x;
  }
}

TEST(Lanes, SumFollowsTheDocumentedOrder) {
  // 2^24 swallows a 1 that is added to it: only the order of the lanes gives this result.
  float x[33] = {};
  x[0] = 16777216.0F;
  x[16] = 1.0F;  // lane 0: swallowed
  x[1] = 1.0F;   // lane 1: joins lane 9, 5, 3 before it meets lane 0
  x[3] = 1.0F;
  x[32] = 1.0F;  // lane 0: swallowed
  EXPECT_EQ(lane_sum<float>(33, [&](int64_t i) { return x[i]; }), 16777218.0F);
}

template <typename T>
class RowMax : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, BFloat16, Float16>;
TYPED_TEST_SUITE(RowMax, ElementTypes, );

TYPED_TEST(RowMax, SeesEveryPlaceAndNan) {
  using T = TypeParam;
  for (const int64_t size : {1, 2, 15, 16, 17, 40, 100}) {
    for (int64_t place = 0; place < size; ++place) {
      T x[100];
      std::fill(std::begin(x), std::end(x), store<T>(-3.0F));
      x[place] = store<T>(-1.0F);
      EXPECT_EQ(load(row_max(size, x)), -1.0F) << place << " of " << size;
      for (const float nan : {NAN, -NAN}) {
        x[place] = store<T>(nan);
        EXPECT_TRUE(std::isnan(load(row_max(size, x)))) << place << " of " << size;
      }
    }
  }
}

TYPED_TEST(RowMax, OrdersNumbersOfBothSignsAndInfinities) {
  using T = TypeParam;
  const float ascending[] = {-INFINITY, -6e4F, -2.0F, -1.0F, -0.5F,   -6e-8F, -0.0F,
                             0.0F,      6e-8F, 0.5F,  1.0F,  1.0078F, 6e4F,   INFINITY};
  for (const float a : ascending) {
    for (const float b : ascending) {
      const T x[] = {store<T>(a), store<T>(b)};
      EXPECT_EQ(load(row_max(2, x)), std::max(load(x[0]), load(x[1]))) << a << " and " << b;
    }
  }
  const T zeros[] = {store<T>(-0.0F), store<T>(0.0F)};
  EXPECT_FALSE(std::signbit(load(row_max(2, zeros))));
}

TEST(PhiloxLanes, EqualTheScalarGenerator) {
  const philox::Key key{0x12345678u, 0x9ABCDEF0u};
  for (const uint64_t group : {uint64_t{0}, uint64_t{1}, uint64_t{0x3FFFFFFF}, uint64_t{1} << 40}) {
    for (const uint64_t stream : {uint64_t{0}, uint64_t{5}, uint64_t{1} << 33}) {
      uint32_t words[16];
      philox_words16(PhiloxKeys(key), group, stream, words);
      for (uint64_t i = 0; i < 16; ++i) {
        const uint64_t element = 16 * group + i;
        const philox::Block block = philox::generate(key, philox::counter(element / 4, stream));
        ASSERT_EQ(words[i], block.word[element % 4]) << group << " " << stream << " " << i;
      }
    }
  }
}

}  // namespace
}  // namespace weft::kernels
