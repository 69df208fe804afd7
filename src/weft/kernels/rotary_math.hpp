#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// Two channels of a head that turn together.
struct RotaryPair {
  float first;
  float second;

  /// The pair turned by the angle of `cos` and `sin`; with -sin it turns back.
  WEFT_HOST_DEVICE RotaryPair turned(float cos, float sin) const {
    return {first * cos - second * sin, second * cos + first * sin};
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
