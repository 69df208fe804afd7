#include "weft/observe/decimal.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weft::observe {
namespace {

TEST(Decimal, IsShortAndWithoutExponent) {
  EXPECT_EQ(to_decimal(0, 2), "0");
  EXPECT_EQ(to_decimal(-0.001, 2), "0");
  EXPECT_EQ(to_decimal(100, 2), "100");
  EXPECT_EQ(to_decimal(100, 0), "100");
  EXPECT_EQ(to_decimal(12.5, 2), "12.5");
  EXPECT_EQ(to_decimal(1.0 / 3, 2), "0.33");
  EXPECT_EQ(to_decimal(-7.999, 2), "-8");
  EXPECT_EQ(to_decimal(1e22, 3), "1" + std::string(22, '0'));
}

}  // namespace
}  // namespace weft::observe
