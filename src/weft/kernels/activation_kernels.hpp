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
  struct Packs {
    Pack<T, N> x;
  };
  template <int N>
  WEFT_HOST_DEVICE Packs<N> read(int64_t first) const {
    return {pack_at<N>(x, first)};
  }
  template <int N>
  WEFT_HOST_DEVICE void write(int64_t first, const Packs<N>& packs) const {
    float result[N];
    for (int i = 0; i < N; ++i) result[i] = Math::forward(as_float(packs.x.at[i]));
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
  struct Packs {
    Pack<T, N> dy;
    Pack<T, N> x;
  };
  template <int N>
  WEFT_HOST_DEVICE Packs<N> read(int64_t first) const {
    return {pack_at<N>(dy, first), pack_at<N>(x, first)};
  }
  template <int N>
  WEFT_HOST_DEVICE void write(int64_t first, const Packs<N>& packs) const {
    float result[N];
    for (int i = 0; i < N; ++i) {
      result[i] = as_float(packs.dy.at[i]) * Math::derivative(as_float(packs.x.at[i]));
    }
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
    const auto gates = block.hold(width, x_TG + row * 2 * width);
    const auto ups = block.hold(width, x_TG + row * 2 * width + width);
    block.map_row(
        width, y_TF + row * width, [](float gate, float up) { return SwiGlu::forward(gate, up); },
        gates, ups);
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
    const auto dy = block.hold(width, dy_TF + row * width);
    const auto gates = block.hold(width, x_TG + row * 2 * width);
    const auto ups = block.hold(width, x_TG + row * 2 * width + width);
    T* d_gates = dx_TG + row * 2 * width;
    block.map_row_to_two(
        width, d_gates, d_gates + width,
        [](float d, float gate, float up) {
          return FloatPair{d * SwiGlu::gate_derivative(gate, up), d * SwiGlu::up_derivative(gate)};
        },
        dy, gates, ups);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
