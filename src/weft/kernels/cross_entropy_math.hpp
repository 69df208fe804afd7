#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// What one row's elements need of their row for the gradient of the cross entropy.
struct CrossEntropyRow {
  float max;
  float reciprocal_sum;  ///< dloss / sum of exp(logit - max)

  /// Gradient of an element that is not the label: softmax * dloss.
  WEFT_HOST_DEVICE float gradient(float logit) const {
    return math::exp(logit - max) * reciprocal_sum;
  }
};

/// log(sum_exp) - predicted.
WEFT_HOST_DEVICE inline float cross_entropy_of(float predicted, float sum_exp) {
  return math::log(sum_exp) - predicted;
}

}  // namespace weft::kernels::inline WEFT_ISA
