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

// The conversions choose between results instead of branching, so that loops around them vectorise.

constexpr float to_float(BFloat16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

/// Rounds to nearest, ties to even; NaN stays NaN (quiet, its sign kept).
constexpr BFloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t nearest = 0x7fffU + ((bits >> 16) & 1U);
  const uint32_t quiet = 0x00400000U & ~bits;
  return {static_cast<uint16_t>((bits + (value != value ? quiet : nearest)) >> 16)};
}

/// NaN becomes quiet, as when the processor converts.
constexpr float to_float(Float16 value) {
  const uint32_t sign = (value.bits & 0x8000U) << 16;
  const uint32_t shifted = (value.bits & 0x7fffU) << 13;  // exponent and mantissa in their places
  const uint32_t normal = shifted + (112U << 23);
  // Of a denormal number: its mantissa behind an implicit 1, which is then taken away.
  const float denormal = std::bit_cast<float>(shifted + (113U << 23)) - 0x1p-14F;
  const uint32_t finite = shifted < (1U << 23) ? std::bit_cast<uint32_t>(denormal) : normal;
  const uint32_t quiet = shifted > (31U << 23) ? 0x00400000U : 0U;
  const uint32_t special = (shifted + (224U << 23)) | quiet;
  const uint32_t magnitude = shifted < (31U << 23) ? finite : special;
  return std::bit_cast<float>(sign | magnitude);
}

/// Rounds to nearest, ties to even; above 65504 + 16 becomes infinity; NaN stays NaN (quiet).
constexpr Float16 to_float16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000U;
  const uint32_t magnitude = bits & 0x7fffffffU;
  const uint32_t normal = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  // Below 2^-14 the spacing is 2^-24: adding 0.5 puts a float's last bit there and rounds.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
  const uint32_t denormal = std::bit_cast<uint32_t>(shifted) - 0x3f000000U;
  const uint32_t finite = magnitude < 0x38800000U ? denormal : normal;
  const uint32_t limited = magnitude < 0x477ff000U ? finite : 0x7c00U;
  const uint32_t nan = 0x7e00U | ((magnitude >> 13) & 0x3ffU);
  return {static_cast<uint16_t>(sign | (magnitude > 0x7f800000U ? nan : limited))};
}

}  // namespace weft
