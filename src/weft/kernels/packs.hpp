#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/float_pair.hpp"
#include "weft/kernels/isa.hpp"
#include "weft/tensor/low_precision.hpp"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

#if defined(__CUDA_ARCH__)
#define WEFT_UNROLL _Pragma("unroll")
#else
#define WEFT_UNROLL
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
#if defined(__CUDA_ARCH__)
    return {__bfloat16_as_ushort(__float2bfloat16_rn(value))};
#else
    return to_bfloat16(value);
#endif
  } else {
#if defined(__CUDA_ARCH__)
    return {__half_as_ushort(__float2half_rn(value))};
#else
    return to_float16(value);
#endif
  }
}

#if defined(__CUDA_ARCH__)
__device__ inline void round_pair(float a, float b, BFloat16& low, BFloat16& high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(a, b);
  low.bits = __bfloat16_as_ushort(pair.x);
  high.bits = __bfloat16_as_ushort(pair.y);
}
__device__ inline void round_pair(float a, float b, Float16& low, Float16& high) {
  const __half2 pair = __floats2half2_rn(a, b);
  low.bits = __half_as_ushort(pair.x);
  high.bits = __half_as_ushort(pair.y);
}
#endif

/// N elements in memory, loaded and stored as a whole.
template <typename T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Pack {
  T at[N];
};

/// x[first .. first + N).
template <int N, typename T>
WEFT_HOST_DEVICE inline Pack<T, N> pack_at(const T* x, int64_t first) {
  return *reinterpret_cast<const Pack<T, N>*>(x + first);
}

/// x[first .. first + N) as floats.
template <int N, typename T>
WEFT_HOST_DEVICE inline void load_pack(const T* x, int64_t first, float (&values)[N]) {
  const Pack<T, N> pack = pack_at<N>(x, first);
  for (int i = 0; i < N; ++i) values[i] = as_float(pack.at[i]);
}

/// `values` rounded to T.
template <typename T, int N>
WEFT_HOST_DEVICE inline Pack<T, N> rounded_pack(const float (&values)[N]) {
  Pack<T, N> pack;
#if defined(__CUDA_ARCH__)
  constexpr bool kInPairs = sizeof(T) == 2 && N % 2 == 0;  // one instruction for two numbers
#else
  constexpr bool kInPairs = false;
#endif
  if constexpr (kInPairs) {
#if defined(__CUDA_ARCH__)
    for (int i = 0; i < N; i += 2) round_pair(values[i], values[i + 1], pack.at[i], pack.at[i + 1]);
#endif
  } else {
    for (int i = 0; i < N; ++i) pack.at[i] = rounded_to<T>(values[i]);
  }
  return pack;
}

/// Rounds `values` into y[first .. first + N).
template <int N, typename T>
WEFT_HOST_DEVICE inline void store_pack(T* y, int64_t first, const float (&values)[N]) {
  *reinterpret_cast<Pack<T, N>*>(y + first) = rounded_pack<T>(values);
}

/// Where one of a thread's packs stands: from element `first` of the row, the thread's pack
/// `index`.
struct PackPlace {
  int64_t first;
  int index;
};

/// The packs of a thread, read once: registers of a GPU. A row has at most kPacks a thread.
template <typename T, int N, int kPacks>
struct HeldPacks {
  Pack<T, N> at[kPacks];
};

template <int N, typename T>
WEFT_HOST_DEVICE inline void load_pack(const T* x, PackPlace place, float (&values)[N]) {
  load_pack<N>(x, place.first, values);
}
template <int N, typename T, int kPacks>
WEFT_HOST_DEVICE inline void load_pack(const HeldPacks<T, N, kPacks>& held, PackPlace place,
                                       float (&values)[N]) {
  for (int i = 0; i < N; ++i) values[i] = as_float(held.at[place.index].at[i]);
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

template <int N>
WEFT_HOST_DEVICE inline void load_pack(const DropoutRow& row, PackPlace place, float (&values)[N]) {
  load_pack<N>(row, place.first, values);
}

/// body(first) for every pack of `thread`: packs thread, thread + threads, ... of `size` elements,
/// a multiple of N.
template <int N, typename Body>
WEFT_HOST_DEVICE inline void thread_packs(int64_t thread, int64_t threads, int64_t size,
                                          const Body& body) {
  for (int64_t first = thread * N; first < size; first += threads * N) body(first);
}

/// body(place) for every pack of `thread`; of at most kPacks, where that is not 0.
template <int N, int kPacks, typename Body>
WEFT_HOST_DEVICE inline void thread_places(int64_t thread, int64_t threads, int64_t size,
                                           const Body& body) {
  if constexpr (kPacks == 0) {
    thread_packs<N>(thread, threads, size, [&](int64_t first) { body(PackPlace{first, 0}); });
  } else {
    WEFT_UNROLL
    for (int index = 0; index < kPacks; ++index) {
      const int64_t first = (index * threads + thread) * N;
      if (first < size) body(PackPlace{first, index});
    }
  }
}

/// The packs of x of `thread`.
template <int N, int kPacks, typename T>
WEFT_HOST_DEVICE inline HeldPacks<T, N, kPacks> thread_hold(int64_t thread, int64_t threads,
                                                            int64_t size, const T* x) {
  HeldPacks<T, N, kPacks> held = {};
  thread_places<N, kPacks>(thread, threads, size, [&](PackPlace place) {
    held.at[place.index] = pack_at<N>(x, place.first);
  });
  return held;
}

/// result[i] = function(inputs' element i ...) for the N elements from `place`, an element or a
/// PackPlace. An input is a pointer, was read (HeldPacks) or draws its values (DropoutRow).
template <int N, typename Place, typename Result, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline void map_pack(Place place, Result (&result)[N], const Function& function,
                                      const Inputs&... inputs) {
  float values[sizeof...(Inputs)][N];
  int next = 0;
  (load_pack<N>(inputs, place, values[next++]), ...);
  for (int i = 0; i < N; ++i) {
    result[i] = [&]<size_t... I>(std::index_sequence<I...>) { return function(values[I][i]...); }
    (std::index_sequence_for<Inputs...>{});
  }
}

/// y[i] = function(inputs ...) for the elements of `thread`.
template <int N, int kPacks = 0, typename T, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline void thread_map(int64_t thread, int64_t threads, int64_t size, T* y,
                                        const Function& function, const Inputs&... inputs) {
  thread_places<N, kPacks>(thread, threads, size, [&](PackPlace place) {
    float result[N];
    map_pack<N>(place, result, function, inputs...);
    store_pack<N>(y, place.first, result);
  });
}

/// As thread_map; gives back what it has written.
template <int N, int kPacks, typename T, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline HeldPacks<T, N, kPacks> thread_map_and_hold(int64_t thread, int64_t threads,
                                                                    int64_t size, T* y,
                                                                    const Function& function,
                                                                    const Inputs&... inputs) {
  HeldPacks<T, N, kPacks> held = {};
  thread_places<N, kPacks>(thread, threads, size, [&](PackPlace place) {
    float result[N];
    map_pack<N>(place, result, function, inputs...);
    held.at[place.index] = rounded_pack<T>(result);
    *reinterpret_cast<Pack<T, N>*>(y + place.first) = held.at[place.index];
  });
  return held;
}

/// (y[i], z[i]) = function(inputs ...), a FloatPair, for the elements of `thread`.
template <int N, int kPacks = 0, typename T, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline void thread_map_to_two(int64_t thread, int64_t threads, int64_t size, T* y,
                                               T* z, const Function& function,
                                               const Inputs&... inputs) {
  thread_places<N, kPacks>(thread, threads, size, [&](PackPlace place) {
    FloatPair results[N];
    map_pack<N>(place, results, function, inputs...);
    float first[N];
    float second[N];
    for (int i = 0; i < N; ++i) first[i] = results[i].first;
    for (int i = 0; i < N; ++i) second[i] = results[i].second;
    store_pack<N>(y, place.first, first);
    store_pack<N>(z, place.first, second);
  });
}

/// Sum of function(inputs ...), a float or FloatPair, over the elements of `thread`, in order.
template <int N, int kPacks = 0, typename Value = float, typename Function, typename... Inputs>
WEFT_HOST_DEVICE inline Value thread_sum(int64_t thread, int64_t threads, int64_t size,
                                         const Function& function, const Inputs&... inputs) {
  Value sum = {};
  thread_places<N, kPacks>(thread, threads, size, [&](PackPlace place) {
    Value terms[N];
    map_pack<N>(place, terms, function, inputs...);
    for (int i = 0; i < N; ++i) sum = sum + terms[i];
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

/// An element kernel runs a pack at a time, by pack<N>(first), or reads and writes it on its own:
/// write<N>(first, read<N>(first)).
template <typename Kernel>
inline constexpr bool has_packs = requires(const Kernel& kernel) {
  kernel.template read<1>(int64_t{0});
};

template <int N, typename Kernel>
WEFT_HOST_DEVICE inline void run_pack(const Kernel& kernel, int64_t first) {
  if constexpr (has_packs<Kernel>) {
    kernel.template write<N>(first, kernel.template read<N>(first));
  } else {
    kernel.template pack<N>(first);
  }
}

}  // namespace weft::kernels::inline WEFT_ISA
