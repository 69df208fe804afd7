#pragma once

#include "weft/kernels/optimizer_math.hpp"
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

/// convert_rows: as ConvertKernel for the first `columns` of rows that lie `stride` apart in x.
template <typename From, typename To>
struct ConvertRowsKernel {
  const From* x;
  To* y;
  int64_t columns;
  int64_t stride;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float values[N];
    load_pack<N>(x, first / columns * stride + first % columns, values);
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

/// fill_normal.
struct NormalKernel {
  philox::Key key;
  uint64_t first_element;
  double mean;
  double deviation;
  float* x;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float values[N];
    for (int i = 0; i < N; ++i) {
      const uint64_t element = first_element + static_cast<uint64_t>(first + i);
      const philox::Block block = philox::generate(key, philox::counter(element / 2, 0));
      const bool second = element % 2 != 0;
      values[i] =
          static_cast<float>(mean + deviation * box_muller(second ? block.word[2] : block.word[0],
                                                           second ? block.word[3] : block.word[1]));
    }
    store_pack<N>(x, first, values);
  }
};

/// fill_uniform.
struct UniformKernel {
  philox::Key key;
  uint64_t first_element;
  double centre;
  double bound;
  float* x;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float values[N];
    for (int i = 0; i < N; ++i) {
      const uint32_t word = element_word(key, 0, first_element + static_cast<uint64_t>(first + i));
      values[i] = static_cast<float>(centre + bound * (2.0 * philox::open_unit(word) - 1.0));
    }
    store_pack<N>(x, first, values);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
