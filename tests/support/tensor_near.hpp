#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "support/test_tensors.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::testing {

/// |actual - expected| <= absolute + relative * |expected|.
struct Tolerance {
  double absolute = 0.0;
  double relative = 0.0;
};

/// The one table of kernel tolerances against fp64 references, for inputs of order 1 (the numbers
/// are repeated in docs/numerics.md). A 16-bit result is a good fp32 number that was rounded once:
/// half a unit in the last place (2^-8 of bf16, 2^-11 of f16) on top of fp32's row.
constexpr Tolerance tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return {2e-6, 1e-5};
    case DType::bf16:
      return {2e-6, 3.92e-3};
    case DType::f16:
      return {2e-6, 4.99e-4};
    default:
      return {};
  }
}

/// `tolerance` with its absolute part multiplied by the size of what was summed.
constexpr Tolerance scaled(Tolerance tolerance, double magnitude) {
  return {tolerance.absolute * magnitude, tolerance.relative};
}

/// Expects every element of `actual` (f32, bf16 or f16) near `expected`; reports the worst one: its
/// index, both values and how many others are off.
inline void expect_tensor_near(const std::string& name, ConstTensorView actual,
                               std::span<const double> expected, Tolerance tolerance) {
  const std::vector<double> values = to_double(actual);
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

/// The same with the tolerance of the tensor's type.
inline void expect_tensor_near(const std::string& name, ConstTensorView actual,
                               std::span<const double> expected) {
  expect_tensor_near(name, actual, expected, tolerance_of(actual.dtype()));
}

/// Expects two tensors to hold the same bits; reports the first index where they differ.
inline void expect_same_bits(const std::string& name, ConstTensorView actual,
                             ConstTensorView expected) {
  ASSERT_EQ(actual.size_bytes(), expected.size_bytes()) << name;
  if (std::memcmp(actual.raw(), expected.raw(), actual.size_bytes()) == 0) return;
  const size_t width = size_of(actual.dtype());
  const std::vector<double> a = to_double(actual);
  const std::vector<double> b = to_double(expected);
  for (size_t i = 0; i < a.size(); ++i) {
    const auto* own = static_cast<const std::byte*>(actual.raw()) + i * width;
    if (std::memcmp(own, static_cast<const std::byte*>(expected.raw()) + i * width, width) == 0) {
      continue;
    }
    ADD_FAILURE() << name << "[" << i << "] differs in bits: " << a[i] << " and " << b[i];
    return;
  }
}

}  // namespace weft::testing
