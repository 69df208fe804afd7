#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// 1 / sqrt(variance + epsilon).
WEFT_HOST_DEVICE inline float reciprocal_deviation(float variance, float epsilon) {
  return 1.0F / math::sqrt(variance + epsilon);
}

/// Statistics of one row that its elements need.
struct LayerNormRow {
  float mean;
  float rstd;

  WEFT_HOST_DEVICE float normalized(float x) const { return (x - mean) * rstd; }
  WEFT_HOST_DEVICE float output(float x, float gamma, float beta) const {
    return normalized(x) * gamma + beta;
  }
  /// Gradient of the input: rstd (g - mean(g) - xhat mean(g xhat)) with g = dy gamma.
  WEFT_HOST_DEVICE float input_gradient(float x, float g, float mean_g, float mean_g_xhat) const {
    return rstd * (g - mean_g - normalized(x) * mean_g_xhat);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
