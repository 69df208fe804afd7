#pragma once

#include <cstdint>

#include "weft/kernels/math.hpp"

namespace weft::kernels {

/// What a step does with its gradients, decided where they are (gate_gradients).
struct GradientGate {
  double norm = 0.0;   ///< L2 norm of the gradients without the loss scale, before clipping
  float scale = 1.0F;  ///< what an optimizer multiplies gradients by: clipping and loss scale
  int32_t non_finite =
      -1;  ///< first tensor that holds a number that is not finite: nothing changes
};

/// What an optimizer multiplies gradients by: a number, or what a gate of the same device says,
/// which may be to leave everything as it is.
struct GradScale {
  WEFT_HOST_DEVICE GradScale(float number)  // NOLINT(google-explicit-constructor)
      : factor(number) {}
  WEFT_HOST_DEVICE GradScale(const GradientGate* decided)  // NOLINT(google-explicit-constructor)
      : gate(decided) {}

  WEFT_HOST_DEVICE bool leaves_all() const { return gate != nullptr && gate->non_finite >= 0; }
  WEFT_HOST_DEVICE float value() const { return gate != nullptr ? gate->scale : factor; }

  float factor = 1.0F;
  const GradientGate* gate = nullptr;
};

}  // namespace weft::kernels

namespace weft::kernels::inline WEFT_ISA {

/// The gate of gradients whose squares sum to `sums`, tensor by tensor, and which are those of
/// `loss_scale` times the loss; `clip_grad` 0 clips nothing (reference/megatron.md 6.3). Squares of
/// f32 numbers do not overflow in f64: a sum that is not finite means that an element is not.
WEFT_HOST_DEVICE inline GradientGate gradient_gate(const double* sums, int64_t count,
                                                   double loss_scale, double clip_grad) {
  GradientGate gate;
  double total = 0.0;
  for (int64_t i = 0; i < count; ++i) {
    const bool finite = sums[i] * 0.0 == 0.0;
    if (!finite && gate.non_finite < 0) gate.non_finite = static_cast<int32_t>(i);
    total += sums[i];
  }
  gate.norm = math::sqrt(total) / loss_scale;
  const double coefficient = clip_grad / (gate.norm + 1e-6);
  const double clip = clip_grad > 0.0 && coefficient < 1.0 ? coefficient : 1.0;
  gate.scale = static_cast<float>(clip / loss_scale);
  return gate;
}

}  // namespace weft::kernels::inline WEFT_ISA
