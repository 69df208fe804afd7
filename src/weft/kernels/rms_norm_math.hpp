#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// 1 / sqrt(mean square + epsilon) of one row, and what its elements make of it.
struct RmsNormRow {
  float rstd;

  WEFT_HOST_DEVICE float normalized(float x) const { return x * rstd; }
  WEFT_HOST_DEVICE float output(float x, float gamma) const { return normalized(x) * gamma; }
  /// Gradient of the input: rstd (g - xhat mean(g xhat)) with g = dy gamma.
  WEFT_HOST_DEVICE float input_gradient(float x, float g, float mean_g_xhat) const {
    return rstd * (g - normalized(x) * mean_g_xhat);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
