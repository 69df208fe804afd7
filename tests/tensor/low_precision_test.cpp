#include "weft/tensor/low_precision.hpp"

#include <gtest/gtest.h>
#include <immintrin.h>

#include <cmath>
#include <limits>

#include "weft/tensor/dtype.hpp"

namespace weft {
namespace {

TEST(BFloat16, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(to_bfloat16(1.0F).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(0x1.01p0F).bits, 0x3f80) << "a tie goes to the even neighbour";
  EXPECT_EQ(to_bfloat16(0x1.03p0F).bits, 0x3f82);
  EXPECT_EQ(to_bfloat16(0x1.0101p0F).bits, 0x3f81);
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::bit_cast<float>(0x7f800001U)))));
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const BFloat16 value{static_cast<uint16_t>(bits)};
    if (std::isnan(to_float(value))) continue;
    ASSERT_EQ(to_bfloat16(to_float(value)), value);
  }
}

TEST(Float16, EveryHalfSurvivesAndAgreesWithTheProcessor) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 value{static_cast<uint16_t>(bits)};
    const float wide = to_float(value);
    if (std::isnan(wide)) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(wide), std::bit_cast<uint32_t>(_cvtsh_ss(value.bits)));
    ASSERT_EQ(to_float16(wide), value);
  }
}

TEST(Float16, RoundsAsTheProcessor) {
  // A stride that visits all exponents, ties and near ties of both signs.
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 4093) {
    for (const uint64_t nudge : {bits, bits & ~uint64_t{0xfff}, (bits & ~uint64_t{0xfff}) | 1}) {
      const float value = std::bit_cast<float>(static_cast<uint32_t>(nudge));
      if (std::isnan(value)) continue;
      ASSERT_EQ(to_float16(value).bits, _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT)) << value;
    }
  }
  EXPECT_TRUE(std::isnan(to_float(to_float16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(DType, SizesAndNamesOfAllTypes) {
  EXPECT_EQ(size_of(DType::bf16), 2U);
  EXPECT_EQ(size_of(DType::f16), 2U);
  EXPECT_EQ(size_of(DType::u8), 1U);
  EXPECT_EQ(size_of(DType::i64), 8U);
  EXPECT_EQ(name(DType::bf16), "bf16");
  EXPECT_EQ(name(DType::f16), "f16");
  EXPECT_EQ(name(DType::u8), "u8");
}

}  // namespace
}  // namespace weft
