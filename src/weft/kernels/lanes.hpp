#pragma once

#include <cstdint>

#include "weft/kernels/isa.hpp"

// Row reductions in 16 lanes: lane l takes elements l, l + 16, ... in order, then the lanes are
// folded in halves (l + 8, l + 4, l + 2, l + 1). The order is part of the numeric contract
// (docs/numerics.md); it vectorises without -ffast-math and is the same on AVX2 and AVX-512.

namespace weft::kernels::inline WEFT_ISA {

inline constexpr int64_t kLanes = 16;

/// Adds `term(i)` for i in [0, size) to the lanes. To go on with the rest of a row, `size` must
/// have been a multiple of kLanes.
template <typename T, typename Term>
inline void add_to_lanes(int64_t size, const Term& term, T* result) {
  T lanes[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = result[lane];
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  }
  for (int64_t lane = 0; i + lane < size; ++lane) lanes[lane] += term(i + lane);
  for (int64_t lane = 0; lane < kLanes; ++lane) result[lane] = lanes[lane];
}

/// The sum of the lanes, which are used up.
template <typename T>
inline T fold_lanes(T* lanes) {
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

/// Sum of `term(i)` over i in [0, size) in the fixed order of 16 lanes. T is float or double.
template <typename T, typename Term>
inline T lane_sum(int64_t size, const Term& term) {
  T lanes[kLanes] = {};
  add_to_lanes(size, term, lanes);
  return fold_lanes(lanes);
}

/// The larger of two numbers; NaN when either is.
inline float max_or_nan(float m, float v) {
  // A NaN enters because m >= NaN is false, and stays because of m != m.
  return m >= v || m != m ? m : v;
}

/// Largest element of `x`; NaN when any element is NaN.
inline float lane_max(const float* __restrict x, int64_t size) {
  float lanes[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = x[0];
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = max_or_nan(lanes[lane], x[i + lane]);
    }
  }
  for (int64_t lane = 0; i + lane < size; ++lane) {
    lanes[lane] = max_or_nan(lanes[lane], x[i + lane]);
  }
  float result = lanes[0];
  for (int64_t lane = 1; lane < kLanes; ++lane) result = max_or_nan(result, lanes[lane]);
  return result;
}

}  // namespace weft::kernels::inline WEFT_ISA
