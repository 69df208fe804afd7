#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "weft/kernels/element.hpp"

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

/// Largest element of a row that has one; NaN when any element is NaN, +0 above -0. Of all element
/// types the bits are sign and magnitude, so that integers can be compared in their place: their
/// maximum has no order, vectorises, and 16-bit elements need no conversion.
template <typename T>
inline T row_max(int64_t size, const T* __restrict x) {
  using Bits = decltype(bits_of(T{}));
  using Signed = std::make_signed_t<Bits>;
  constexpr int kSignShift = 8 * sizeof(Bits) - 1;
  constexpr auto kMagnitude = static_cast<Bits>(static_cast<Bits>(~Bits{0}) >> 1);
  // A negative number's magnitude is complemented: the larger it is, the smaller the integer.
  const auto turned = [](Signed bits) {
    return static_cast<Signed>(bits ^ ((bits >> kSignShift) & static_cast<Signed>(kMagnitude)));
  };
  Signed largest = std::numeric_limits<Signed>::min();
  Bits magnitude = 0;
  for (int64_t i = 0; i < size; ++i) {
    const Bits bits = bits_of(x[i]);
    const Signed order = turned(static_cast<Signed>(bits));
    const auto own = static_cast<Bits>(bits & kMagnitude);
    largest = order > largest ? order : largest;
    magnitude = own > magnitude ? own : magnitude;
  }
  const bool has_nan = magnitude > exponent_of(T{});
  return std::bit_cast<T>(has_nan ? magnitude : static_cast<Bits>(turned(largest)));
}

}  // namespace weft::kernels::inline WEFT_ISA
