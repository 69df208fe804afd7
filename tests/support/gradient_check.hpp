#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace weft::testing {

/// Expects `gradient` to be the derivative of `loss` at `x`, by central differences in fp64:
/// (loss(x + h) - loss(x - h)) / 2h with h = 1e-5, whose error is about 1e-10 for losses of
/// order 1. At most 64 elements, evenly spread, are tried.
inline void check_gradient(const std::string& name,
                           const std::function<double(const std::vector<double>&)>& loss,
                           std::vector<double> x, const std::vector<double>& gradient,
                           double tolerance = 1e-7) {
  ASSERT_EQ(x.size(), gradient.size()) << name;
  constexpr double kStep = 1e-5;
  const size_t stride = std::max<size_t>(1, x.size() / 64);
  for (size_t i = 0; i < x.size(); i += stride) {
    const double value = x[i];
    x[i] = value + kStep;
    const double above = loss(x);
    x[i] = value - kStep;
    const double below = loss(x);
    x[i] = value;
    const double difference = (above - below) / (2.0 * kStep);
    ASSERT_NEAR(gradient[i], difference, tolerance * std::max(1.0, std::abs(difference)))
        << name << "[" << i << "]";
  }
}

/// Sum over i of a[i] * b[i]: turns a function with many outputs into a loss with output gradient
/// b.
inline double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace weft::testing
