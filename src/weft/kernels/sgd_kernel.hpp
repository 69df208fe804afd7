#pragma once

#include "weft/kernels/gradient_gate.hpp"
#include "weft/kernels/packs.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// sgd (elementwise.hpp) for GPU threads. Low is the type of the model's values, which are written
/// beside the f32 ones unless `low` is null.
template <typename Low>
struct SgdKernel {
  float learning_rate;
  float momentum;
  float weight_decay;
  GradScale grad_scale;
  bool first;  ///< the buffer holds nothing yet
  const float* grad;
  float* param;
  float* buffer;  ///< null without momentum
  Low* low;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t at) const {
    if (grad_scale.leaves_all()) return;
    const float scale = grad_scale.value();
    float g[N];
    float p[N];
    load_pack<N>(grad, at, g);
    load_pack<N>(static_cast<const float*>(param), at, p);
    for (int i = 0; i < N; ++i) g[i] = g[i] * scale + weight_decay * p[i];
    if (buffer != nullptr) {
      if (!first) {
        float before[N];
        load_pack<N>(static_cast<const float*>(buffer), at, before);
        for (int i = 0; i < N; ++i) g[i] += momentum * before[i];
      }
      store_pack<N>(buffer, at, g);
    }
    for (int i = 0; i < N; ++i) p[i] -= learning_rate * g[i];
    store_pack<N>(param, at, p);
    if (low != nullptr) store_pack<N>(low, at, p);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
