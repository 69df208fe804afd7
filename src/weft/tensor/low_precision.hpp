#pragma once

#include <bit>
#include <cstdint>

namespace weft {

/// A bfloat16 number as stored: the upper half of a float. Convert to float to compute with it.
struct BFloat16 {
  uint16_t bits = 0;
  friend constexpr bool operator==(BFloat16, BFloat16) = default;
};

/// An IEEE half-precision number as stored. Convert to float to compute with it.
struct Float16 {
  uint16_t bits = 0;
  friend constexpr bool operator==(Float16, Float16) = default;
};

constexpr float to_float(BFloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

/// Rounds to nearest, ties to even; NaN stays NaN (quiet, its sign kept).
constexpr BFloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) {
    return {static_cast<uint16_t>((bits >> 16) | 0x0040U)};
  }
  const uint32_t ties_to_even = 0x7fffU + ((bits >> 16) & 1U);
  return {static_cast<uint16_t>((bits + ties_to_even) >> 16)};
}

constexpr float to_float(Float16 value) {
  const uint32_t sign = (value.bits & 0x8000U) << 16;
  const uint32_t exponent = (value.bits >> 10) & 0x1fU;
  const uint32_t mantissa = value.bits & 0x3ffU;
  if (exponent == 0x1fU) return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (mantissa << 13));
}

/// Rounds to nearest, ties to even; above 65504 + 16 becomes infinity; NaN stays NaN (quiet).
constexpr Float16 to_float16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000U);
  const uint32_t magnitude = bits & 0x7fffffffU;
  const auto with_sign = [sign](uint32_t half) {
    return Float16{static_cast<uint16_t>(sign | half)};
  };
  if (magnitude > 0x7f800000U) return with_sign(0x7e00U | ((magnitude >> 13) & 0x3ffU));
  if (magnitude >= 0x477ff000U) return with_sign(0x7c00U);
  if (magnitude < 0x38800000U) {
    // Below 2^-14 the spacing is 2^-24: adding 0.5 puts a float's last bit there and rounds.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return with_sign(std::bit_cast<uint32_t>(shifted) - 0x3f000000U);
  }
  const uint32_t rounded = magnitude + 0xfffU + ((magnitude >> 13) & 1U);
  return with_sign((rounded - 0x38000000U) >> 13);
}

}  // namespace weft
