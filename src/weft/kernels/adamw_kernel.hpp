#pragma once

#include "weft/kernels/gradient_gate.hpp"
#include "weft/kernels/optimizer_math.hpp"
#include "weft/kernels/packs.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// adamw (elementwise.hpp) for GPU threads. Step has the fields of AdamWStep; Low is the type of
/// the model's values, which are written beside the f32 ones unless `low` is null.
template <typename Low, typename Step>
struct AdamWKernel {
  Step step;
  GradScale grad_scale;
  const float* grad;
  float* param;
  float* exp_avg;
  float* exp_avg_sq;
  Low* low;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    if (grad_scale.leaves_all()) return;
    const float scale = grad_scale.value();
    float g[N];
    float p[N];
    float m[N];
    float v[N];
    load_pack<N>(grad, first, g);
    load_pack<N>(static_cast<const float*>(param), first, p);
    load_pack<N>(static_cast<const float*>(exp_avg), first, m);
    load_pack<N>(static_cast<const float*>(exp_avg_sq), first, v);
    for (int i = 0; i < N; ++i) {
      const AdamWElement after = adamw_element(step, g[i] * scale, {p[i], m[i], v[i]});
      p[i] = after.param;
      m[i] = after.exp_avg;
      v[i] = after.exp_avg_sq;
    }
    store_pack<N>(param, first, p);
    store_pack<N>(exp_avg, first, m);
    store_pack<N>(exp_avg_sq, first, v);
    if (low != nullptr) store_pack<N>(low, first, p);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
