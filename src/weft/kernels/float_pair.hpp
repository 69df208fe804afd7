#pragma once

#include "weft/base/philox.hpp"
#include "weft/kernels/isa.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// Two results of one element, or two sums.
struct FloatPair {
  float first;
  float second;

  WEFT_HOST_DEVICE friend FloatPair operator+(FloatPair a, FloatPair b) {
    return {a.first + b.first, a.second + b.second};
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
