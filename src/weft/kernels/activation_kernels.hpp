#pragma once

#include "weft/kernels/activation_math.hpp"
#include "weft/kernels/row_kernel.hpp"

// Activations of activation.hpp for GPU threads: of every element on its own, or of rows that hold
// gates and then ups.

namespace weft::kernels::inline WEFT_ISA {

/// y = Math::forward(x), elementwise; Math is GeluTanh, GeluErf or SquaredRelu.
template <typename T, typename Math>
struct ActivationForward {
  const T* x;
  T* y;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float result[N];
    map_pack<N>(
        first, result, [](float v) { return Math::forward(v); }, x);
    store_pack<N>(y, first, result);
  }
};

/// dx = dy Math::derivative(x), elementwise.
template <typename T, typename Math>
struct ActivationGradient {
  const T* dy;
  const T* x;
  T* dx;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float result[N];
    map_pack<N>(
        first, result, [](float d, float v) { return d * Math::derivative(v); }, dy, x);
    store_pack<N>(dx, first, result);
  }
};

/// y_TF = silu(gates) ups of x_TG, G = 2 F.
template <typename T>
struct SwiGluForwardRow {
  const T* x_TG;
  T* y_TF;
  int64_t width;  ///< F

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const T* gates = x_TG + row * 2 * width;
    block.map_row(
        width, y_TF + row * width, [](float gate, float up) { return SwiGlu::forward(gate, up); },
        gates, gates + width);
  }
};

/// dx_TG of SwiGluForwardRow.
template <typename T>
struct SwiGluGradientRow {
  const T* dy_TF;
  const T* x_TG;
  T* dx_TG;
  int64_t width;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    constexpr int kPack = Block::kPack;
    const T* dy = dy_TF + row * width;
    const T* gates = x_TG + row * 2 * width;
    T* d_gates = dx_TG + row * 2 * width;
    block.each_pack(width, [&](int64_t first) {
      float d[kPack];
      float gate[kPack];
      float up[kPack];
      load_pack<kPack>(dy, first, d);
      load_pack<kPack>(gates, first, gate);
      load_pack<kPack>(gates + width, first, up);
      for (int i = 0; i < kPack; ++i) {
        up[i] = d[i] * SwiGlu::gate_derivative(gate[i], up[i]);
        gate[i] = d[i] * SwiGlu::up_derivative(gate[i]);
      }
      store_pack<kPack>(d_gates, first, up);
      store_pack<kPack>(d_gates + width, first, gate);
    });
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
