#pragma once

namespace weft::kernels {

/// Constants of one AdamW step (reference/megatron.md 6.3).
struct AdamWStep {
  float learning_rate = 0.0F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float weight_decay = 0.0F;
  float bias_correction1 = 1.0F;  ///< 1 - beta1^t
  float bias_correction2 = 1.0F;  ///< 1 - beta2^t
  bool decoupled = true;          ///< AdamW; false adds weight_decay * p to the gradient
};

}  // namespace weft::kernels
