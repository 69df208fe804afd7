#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

// Rotary position embedding of one head in fp64, straight from x cos + rot(x) sin
// (reference/megatron.md 4.7).

namespace weft::reference {

/// What a head of [x] at angles `angles` becomes; the first 2 * angles.size() channels turn.
inline std::vector<double> rotate_head(const std::vector<double>& x,
                                       const std::vector<double>& angles, bool interleaved) {
  const size_t half = angles.size();
  std::vector<double> y = x;
  for (size_t c = 0; c < 2 * half; ++c) {
    const double angle = angles[interleaved ? c / 2 : c % half];
    // rot: (-second, first), where halves or neighbours are the pair.
    const bool is_first = interleaved ? c % 2 == 0 : c < half;
    const size_t partner = interleaved ? (is_first ? c + 1 : c - 1) : (c + half) % (2 * half);
    const double rot = is_first ? -x[partner] : x[partner];
    y[c] = x[c] * std::cos(angle) + rot * std::sin(angle);
  }
  return y;
}

}  // namespace weft::reference
