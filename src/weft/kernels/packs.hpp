#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/isa.hpp"
#include "weft/tensor/low_precision.hpp"

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#endif

// What one GPU thread does with N neighbouring elements, which it loads and stores at once: 16
// bytes of the narrowest type where sizes and addresses allow it, else single elements. The same
// text runs on the host, where tests play every thread in turn.

namespace weft::kernels::inline WEFT_ISA {

/// Elements of T in 16 bytes.
template <typename T>
inline constexpr int kPackOf = static_cast<int>(16 / sizeof(T));

WEFT_HOST_DEVICE inline float as_float(float x) { return x; }
WEFT_HOST_DEVICE inline float as_float(BFloat16 x) { return to_float(x); }
WEFT_HOST_DEVICE inline float as_float(Float16 x) {
#if defined(__CUDA_ARCH__)
  return __half2float(__ushort_as_half(x.bits));
#else
  return to_float(x);
#endif
}

/// `value` rounded to the nearest T, ties to even.
template <typename T>
WEFT_HOST_DEVICE inline T rounded_to(float value) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return value;
  } else if constexpr (__is_same(T, BFloat16)) {
    return to_bfloat16(value);
  } else {
#if defined(__CUDA_ARCH__)
    return {__half_as_ushort(__float2half_rn(value))};
#else
    return to_float16(value);
#endif
  }
}

/// N elements in memory, loaded and stored as a whole.
template <typename T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Pack {
  T at[N];
};

/// x[first .. first + N) as floats.
template <int N, typename T>
WEFT_HOST_DEVICE inline void load_pack(const T* x, int64_t first, float (&values)[N]) {
  const auto pack = *reinterpret_cast<const Pack<T, N>*>(x + first);
  for (int i = 0; i < N; ++i) values[i] = as_float(pack.at[i]);
}

/// Rounds `values` into y[first .. first + N).
template <int N, typename T>
WEFT_HOST_DEVICE inline void store_pack(T* y, int64_t first, const float (&values)[N]) {
  Pack<T, N> pack;
  for (int i = 0; i < N; ++i) pack.at[i] = rounded_to<T>(values[i]);
  *reinterpret_cast<Pack<T, N>*>(y + first) = pack;
}

/// An input that is drawn instead of read: the dropout factors of one row of a sample.
struct DropoutRow {
  philox::Key key;
  uint64_t sample = 0;
  uint64_t first_element = 0;  ///< of the row, within the sample
  uint32_t threshold = 0;      ///< 0: everything is kept
  float scale = 1.0F;
};

/// dropout_word without an index: an array with one would be memory, not registers.
WEFT_HOST_DEVICE inline uint32_t element_word(philox::Key key, uint64_t stream, uint64_t element) {
  const philox::Block block = philox::generate(key, philox::counter(element / 4, stream));
  const uint32_t lower = element % 2 == 0 ? block.word[0] : block.word[1];
  const uint32_t upper = element % 2 == 0 ? block.word[2] : block.word[3];
  return element % 4 < 2 ? lower : upper;
}

/// Factors of elements [first, first + N) of the row; one Philox block gives four.
template <int N>
WEFT_HOST_DEVICE inline void load_pack(const DropoutRow& row, int64_t first, float (&values)[N]) {
  const uint64_t element = row.first_element + static_cast<uint64_t>(first);
  if (row.threshold == 0) {
    for (int i = 0; i < N; ++i) values[i] = 1.0F;
  } else if (N % 4 == 0 && element % 4 == 0) {
    for (int i = 0; i < N; i += 4) {
      const philox::Block block = philox::generate(
          row.key, philox::counter((element + static_cast<uint64_t>(i)) / 4, row.sample));
      for (int j = 0; j < 4 && i + j < N; ++j) {
        values[i + j] = dropout_factor(block.word[j], row.threshold, row.scale);
      }
    }
  } else {
    for (int i = 0; i < N; ++i) {
      const uint32_t word = element_word(row.key, row.sample, element + static_cast<uint64_t>(i));
      values[i] = dropout_factor(word, row.threshold, row.scale);
    }
  }
}

/// body(first) for every pack of `thread`: packs thread, thread + threads, ... of `size` elements,
/// a multiple of N.
template <int N, typename Body>
WEFT_HOST_DEVICE inline void thread_packs(int64_t thread, int64_t threads, int64_t size,
                                          const Body& body) {
  for (int64_t first = thread * N; first < size; first += threads * N) body(first);
}

/// result[i] = function(inputs' element i ...) for the N elements from `first`. An input is a
/// pointer or draws its values (DropoutRow).
template <int N, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline void map_pack(int64_t first, float (&result)[N], const Function& function,
                                      const Inputs&... inputs) {
  float values[sizeof...(Inputs)][N];
  int next = 0;
  (load_pack<N>(inputs, first, values[next++]), ...);
  for (int i = 0; i < N; ++i) {
    result[i] = [&]<size_t... I>(std::index_sequence<I...>) { return function(values[I][i]...); }
    (std::index_sequence_for<Inputs...>{});
  }
}

/// y[i] = function(inputs ...) for the elements of `thread`.
template <int N, typename T, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline void thread_map(int64_t thread, int64_t threads, int64_t size, T* y,
                                        const Function& function, const Inputs&... inputs) {
  thread_packs<N>(thread, threads, size, [&](int64_t first) {
    float result[N];
    map_pack<N>(first, result, function, inputs...);
    store_pack<N>(y, first, result);
  });
}

/// Sum of function(inputs ...) over the elements of `thread`, in order.
template <int N, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline float thread_sum(int64_t thread, int64_t threads, int64_t size,
                                         const Function& function, const Inputs&... inputs) {
  float sum = 0.0F;
  thread_packs<N>(thread, threads, size, [&](int64_t first) {
    float terms[N];
    map_pack<N>(first, terms, function, inputs...);
    for (int i = 0; i < N; ++i) sum += terms[i];
  });
  return sum;
}

/// The larger of two numbers; NaN when either is.
WEFT_HOST_DEVICE inline float larger_or_nan(float a, float b) { return a >= b || a != a ? a : b; }

/// Largest element of `thread`; -infinity when it has none.
template <int N, typename T>
WEFT_HOST_DEVICE inline float thread_max(int64_t thread, int64_t threads, int64_t size,
                                         const T* x) {
  float largest = -INFINITY;
  thread_packs<N>(thread, threads, size, [&](int64_t first) {
    float values[N];
    load_pack<N>(x, first, values);
    for (int i = 0; i < N; ++i) largest = larger_or_nan(largest, values[i]);
  });
  return largest;
}

}  // namespace weft::kernels::inline WEFT_ISA
