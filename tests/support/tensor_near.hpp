#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "weft/tensor/tensor.hpp"

namespace weft::testing {

/// |actual - expected| <= absolute + relative * |expected|.
struct Tolerance {
  double absolute = 0.0;
  double relative = 0.0;
};

/// The one table of kernel tolerances against fp64 references, for inputs of order 1 (the numbers
/// are repeated in docs/numerics.md).
constexpr Tolerance tolerance_of(DType dtype) {
  return dtype == DType::f32 ? Tolerance{2e-6, 1e-5} : Tolerance{};
}

/// `tolerance` with its absolute part multiplied by the size of what was summed.
constexpr Tolerance scaled(Tolerance tolerance, double magnitude) {
  return {tolerance.absolute * magnitude, tolerance.relative};
}

/// Expects every element of `actual` (fp32) near `expected`; reports the worst one: its index, both
/// values and how many others are off.
inline void expect_tensor_near(const std::string& name, ConstTensorView actual,
                               std::span<const double> expected,
                               Tolerance tolerance = tolerance_of(DType::f32)) {
  const std::span<const float> values = actual.span<float>();
  ASSERT_EQ(values.size(), expected.size()) << name;
  size_t wrong = 0;
  size_t worst = 0;
  double worst_excess = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    const double allowed = tolerance.absolute + tolerance.relative * std::abs(expected[i]);
    const double difference = std::abs(value - expected[i]);
    const bool same = value == expected[i] || (std::isnan(value) && std::isnan(expected[i]));
    if (same || difference <= allowed) continue;
    ++wrong;
    const double excess = std::isnan(difference) ? INFINITY : difference / allowed;
    if (excess > worst_excess) {
      worst = i;
      worst_excess = excess;
    }
  }
  EXPECT_EQ(wrong, 0u) << name << "[" << worst << "] is " << values[worst] << ", expected "
                       << expected[worst] << " (" << worst_excess << " times the tolerance); "
                       << wrong << " of " << values.size() << " elements are off";
}

/// Expects two tensors to hold the same bits; reports the first index where they differ.
inline void expect_same_bits(const std::string& name, ConstTensorView actual,
                             ConstTensorView expected) {
  ASSERT_EQ(actual.size_bytes(), expected.size_bytes()) << name;
  if (std::memcmp(actual.raw(), expected.raw(), actual.size_bytes()) == 0) return;
  const std::span<const float> a = actual.span<float>();
  const std::span<const float> b = expected.span<float>();
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], sizeof(float)) == 0) continue;
    ADD_FAILURE() << name << "[" << i << "] differs in bits: " << a[i] << " and " << b[i];
    return;
  }
}

}  // namespace weft::testing
