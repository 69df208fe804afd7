#pragma once

#include "weft/kernels/packs.hpp"

// Elementwise functions of elementwise.hpp for GPU threads.

namespace weft::kernels::inline WEFT_ISA {

/// y = x, from and to f32, bf16 and f16.
template <typename From, typename To>
struct ConvertKernel {
  const From* x;
  To* y;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float values[N];
    load_pack<N>(x, first, values);
    store_pack<N>(y, first, values);
  }
};

/// y += x.
template <typename T>
struct AddKernel {
  const T* x;
  T* y;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float result[N];
    map_pack<N>(
        first, result, [](float before, float v) { return before + v; }, static_cast<const T*>(y),
        x);
    store_pack<N>(y, first, result);
  }
};

/// y *= factor.
template <typename T>
struct ScaleKernel {
  float factor;
  T* y;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float values[N];
    load_pack<N>(static_cast<const T*>(y), first, values);
    for (int i = 0; i < N; ++i) values[i] *= factor;
    store_pack<N>(y, first, values);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
