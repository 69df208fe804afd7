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
  struct Packs {
    Pack<float, N> grad;
    Pack<float, N> param;
    Pack<float, N> exp_avg;
    Pack<float, N> exp_avg_sq;
  };
  template <int N>
  WEFT_HOST_DEVICE Packs<N> read(int64_t first) const {
    return {pack_at<N>(grad, first), pack_at<N>(static_cast<const float*>(param), first),
            pack_at<N>(static_cast<const float*>(exp_avg), first),
            pack_at<N>(static_cast<const float*>(exp_avg_sq), first)};
  }
  template <int N>
  WEFT_HOST_DEVICE void write(int64_t first, const Packs<N>& before) const {
    if (grad_scale.leaves_all()) return;
    const float scale = grad_scale.value();
    float p[N];
    float m[N];
    float v[N];
    for (int i = 0; i < N; ++i) {
      const AdamWElement after =
          adamw_element(step, before.grad.at[i] * scale,
                        {before.param.at[i], before.exp_avg.at[i], before.exp_avg_sq.at[i]});
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
