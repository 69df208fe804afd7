#pragma once

#include <cstdint>

#include "weft/kernels/packs.hpp"

// Sums over a tensor for GPU threads: a warp for each 1024 elements, a block of threads for the
// warps' sums. The order depends on the size alone; it is not the processor's.

namespace weft::kernels::inline WEFT_ISA {

/// x^2 in fp64, where squares of floats are exact.
struct SquareOf {
  using Value = double;
  WEFT_HOST_DEVICE double operator()(float x) const { return static_cast<double>(x) * x; }
};

/// 1 for a zero.
struct ZeroOf {
  using Value = int64_t;
  WEFT_HOST_DEVICE int64_t operator()(float x) const { return x == 0.0F ? 1 : 0; }
};

/// The sum of Term over x, in partial sums for blocks of 1024 elements.
template <typename Term>
struct BlockSums {
  using Value = typename Term::Value;
  static constexpr int64_t kBlock = 1024;
  static constexpr int64_t kLanes = 32;
  /// Tensors of up to so many elements are summed by one block of threads.
  static constexpr int64_t kSmall = 16 * kBlock;

  const float* x;
  Value* partials;  ///< one per block
  int64_t size;

  WEFT_HOST_DEVICE int64_t num_blocks() const { return (size + kBlock - 1) / kBlock; }

  /// What one of a block's lanes adds up, in packs of N.
  template <int N>
  WEFT_HOST_DEVICE Value lane(int64_t block, int64_t lane) const {
    const int64_t begin = block * kBlock;
    if (begin + kBlock <= size) return whole_part<N>(x + begin, lane);
    const int64_t count = size - begin;
    return part<N>(x + begin, count, lane, kLanes);
  }

  /// What `thread` of the `threads` that sum all of a small tensor adds up, without partial sums.
  template <int N>
  WEFT_HOST_DEVICE Value whole(int64_t thread, int64_t threads) const {
    return part<N>(x, size, thread, threads);
  }

  /// What `thread` of the `threads` that fold the blocks adds up.
  WEFT_HOST_DEVICE Value share(int64_t thread, int64_t threads) const {
    Value sum = 0;
    const int64_t blocks = num_blocks();
#if defined(__CUDA_ARCH__)
#pragma unroll 8
#endif
    for (int64_t block = thread; block < blocks; block += threads) sum += partials[block];
    return sum;
  }

 private:
  /// A lane's part of a whole block, of which it reads all packs before it adds them.
  template <int N>
  WEFT_HOST_DEVICE static Value whole_part(const float* values, int64_t lane) {
    constexpr int kPacks = static_cast<int>(kBlock / (kLanes * N));
    const auto packs = thread_hold<N, kPacks>(lane, kLanes, kBlock, values);
    const Term term;
    Value sum = 0;
    thread_places<N, kPacks>(lane, kLanes, kBlock, [&](PackPlace place) {
      for (int i = 0; i < N; ++i) sum += term(packs.at[place.index].at[i]);
    });
    return sum;
  }
  /// One thread's part of `count` elements, in packs and then what does not fill one.
  template <int N>
  WEFT_HOST_DEVICE static Value part(const float* values, int64_t count, int64_t thread,
                                     int64_t threads) {
    const Term term;
    const int64_t packed = count / N * N;
    Value sum = 0;
    thread_packs<N>(thread, threads, packed, [&](int64_t first) {
      float pack[N];
      load_pack<N>(values, first, pack);
      for (int i = 0; i < N; ++i) sum += term(pack[i]);
    });
    for (int64_t i = packed + thread; i < count; i += threads) sum += term(values[i]);
    return sum;
  }
};

/// masked_sum (elementwise.hpp): what one of the threads adds up.
struct MaskedSum {
  const float* x_T;
  const float* mask_T;
  double* sum;
  int64_t size;

  WEFT_HOST_DEVICE double share(int64_t thread, int64_t threads) const {
    double result = 0.0;
    for (int64_t t = thread; t < size; t += threads) {
      const float mask = mask_T[t];
      if (mask != 0.0F) result += static_cast<double>(x_T[t]) * static_cast<double>(mask);
    }
    return result;
  }
};

/// Sets *found to 1 where an element is infinite or not a number; `found` starts as 0.
template <typename T>
struct NotFinite {
  const T* x;
  int32_t* found;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float values[N];
    load_pack<N>(x, first, values);
    bool any = false;
    // A float of an infinite or undefined element is one too.
    for (int i = 0; i < N; ++i) any = any || !(values[i] * 0.0F == 0.0F);
    if (any) *found = 1;
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
