#pragma once

#include <cmath>
#include <vector>

#include "weft/kernels/elementwise.hpp"

// AdamW and SGD of one element in fp64 (reference/megatron.md 6.3).

namespace weft::reference {

struct AdamWState {
  double param;
  double exp_avg;
  double exp_avg_sq;
};

inline AdamWState adamw(const kernels::AdamWStep& step, double grad, AdamWState state) {
  if (!step.decoupled) grad += step.weight_decay * state.param;
  state.exp_avg = step.beta1 * state.exp_avg + (1.0 - step.beta1) * grad;
  state.exp_avg_sq = step.beta2 * state.exp_avg_sq + (1.0 - step.beta2) * grad * grad;
  double update = state.exp_avg / step.bias_correction1 /
                  (std::sqrt(state.exp_avg_sq / step.bias_correction2) + step.epsilon);
  if (step.decoupled) update += step.weight_decay * state.param;
  state.param -= step.learning_rate * update;
  return state;
}

}  // namespace weft::reference
