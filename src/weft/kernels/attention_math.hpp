#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// Online softmax of one query: the largest score so far and the sum of exp(score - max).
struct OnlineSoftmax {
  float max;
  float sum;

  /// Takes in a block of scores with the given maximum; returns what earlier results are multiplied
  /// by. The caller adds the block's exponentials to `sum` afterwards.
  WEFT_HOST_DEVICE float advance(float block_max) {
    const float new_max = math::max(max, block_max);
    const float factor = math::exp(max - new_max);
    max = new_max;
    sum *= factor;
    return factor;
  }
  /// log of the sum of exp(score).
  WEFT_HOST_DEVICE float log_sum() const { return max + math::log(sum); }
};

/// Gradient of a scaled score: P (dP - delta) scale, where delta is the dot product of the query's
/// output and its gradient and dP already carries dropout.
WEFT_HOST_DEVICE inline float score_gradient(float p, float dp, float delta, float scale) {
  return p * (dp - delta) * scale;
}

}  // namespace weft::kernels::inline WEFT_ISA
