#pragma once

#include <cstdint>

#include "weft/kernels/element.hpp"
#include "weft/kernels/isa.hpp"

// Row reductions in 16 lanes: lane l takes elements l, l + 16, ... in order, then the lanes are
// folded in halves (l + 8, l + 4, l + 2, l + 1). The order is part of the numeric contract
// (docs/numerics.md); it vectorises without -ffast-math and is the same on AVX2 and AVX-512.

namespace weft::kernels::inline WEFT_ISA {

inline constexpr int64_t kLanes = 16;

/// Sum of `term(i)` over i in [0, size) in the fixed order of 16 lanes. T is float or double.
template <typename T, typename Term>
inline T lane_sum(int64_t size, const Term& term) {
  T lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
  }
  for (int64_t lane = 0; i + lane < size; ++lane) lanes[lane] += term(i + lane);
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  }
  return lanes[0];
}

/// Largest element of `x`; NaN when any element is NaN.
template <typename T>
inline float lane_max(const T* __restrict x, int64_t size) {
  float lanes[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] = load(x[0]);
  int64_t i = 0;
  // A NaN enters because m >= NaN is false, and stays because of m != m.
  const auto larger = [](float m, float v) { return m >= v || m != m ? m : v; };
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = larger(lanes[lane], load(x[i + lane]));
    }
  }
  for (int64_t lane = 0; i + lane < size; ++lane) {
    lanes[lane] = larger(lanes[lane], load(x[i + lane]));
  }
  float result = lanes[0];
  for (int64_t lane = 1; lane < kLanes; ++lane) result = larger(result, lanes[lane]);
  return result;
}

}  // namespace weft::kernels::inline WEFT_ISA
