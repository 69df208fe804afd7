#pragma once

#include "weft/kernels/math.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// One parameter element with its AdamW moments.
struct AdamWElement {
  float param;
  float exp_avg;
  float exp_avg_sq;
};

/// One AdamW step of one element with the constants `step` (AdamWStep); `grad` is already scaled
/// (reference/megatron.md 6.3).
template <typename Step>
WEFT_HOST_DEVICE inline AdamWElement adamw_element(const Step& step, float grad,
                                                   AdamWElement before) {
  const float decay = step.weight_decay * before.param;
  const float g = step.decoupled ? grad : grad + decay;
  AdamWElement after;
  after.exp_avg = step.beta1 * before.exp_avg + (1.0F - step.beta1) * g;
  after.exp_avg_sq = step.beta2 * before.exp_avg_sq + (1.0F - step.beta2) * g * g;
  const float denominator =
      math::root(math::quotient(after.exp_avg_sq, step.bias_correction2)) + step.epsilon;
  const float update =
      math::quotient(math::quotient(after.exp_avg, step.bias_correction1), denominator);
  after.param = before.param - step.learning_rate * (step.decoupled ? update + decay : update);
  return after;
}

/// Standard normal number from two random words: Box-Muller in fp64.
WEFT_HOST_DEVICE inline double box_muller(uint32_t radius_word, uint32_t angle_word) {
  constexpr double kTwoPi = 6.283185307179586476925;
  return math::sqrt(-2.0 * math::log(philox::open_unit(radius_word))) *
         math::cos(kTwoPi * philox::open_unit(angle_word));
}

}  // namespace weft::kernels::inline WEFT_ISA
