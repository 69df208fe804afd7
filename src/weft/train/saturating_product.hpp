#pragma once

#include <cstdint>
#include <limits>

namespace weft::train {

/// a * b, or the largest int64 when that is too large; both at least 0.
inline int64_t saturating_product(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<int64_t>::max() : product;
}

}  // namespace weft::train
