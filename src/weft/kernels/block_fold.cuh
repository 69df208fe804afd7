#pragma once

#include <cuda_runtime.h>

#include "weft/kernels/float_pair.hpp"
#include "weft/kernels/row_softmax.hpp"

// How the values of a block's threads become one: in halves within each warp, then over the warps.
// The order is fixed by the size of the block alone.

namespace weft::kernels::cuda {

template <typename Value>
__device__ inline Value shuffled_down(Value value, unsigned width) {
  return __shfl_down_sync(0xffffffffU, value, width);
}
__device__ inline SoftmaxSum shuffled_down(SoftmaxSum value, unsigned width) {
  return {__shfl_down_sync(0xffffffffU, value.max, width),
          __shfl_down_sync(0xffffffffU, value.sum, width)};
}

__device__ inline FloatPair shuffled_down(FloatPair value, unsigned width) {
  return {__shfl_down_sync(0xffffffffU, value.first, width),
          __shfl_down_sync(0xffffffffU, value.second, width)};
}

/// Lane 0's value.
template <typename Value>
__device__ inline Value broadcast(Value value) {
  return __shfl_sync(0xffffffffU, value, 0);
}
__device__ inline SoftmaxSum broadcast(SoftmaxSum value) {
  return {__shfl_sync(0xffffffffU, value.max, 0), __shfl_sync(0xffffffffU, value.sum, 0)};
}
__device__ inline FloatPair broadcast(FloatPair value) {
  return {__shfl_sync(0xffffffffU, value.first, 0), __shfl_sync(0xffffffffU, value.second, 0)};
}

/// Folds the values of the first kLanes lanes of a warp into lane 0's.
template <unsigned kLanes = 32, typename Value, typename Combine>
__device__ inline Value fold_warp(Value value, const Combine& combine) {
  for (unsigned width = kLanes / 2; width > 0; width /= 2) {
    value = combine(value, shuffled_down(value, width));
  }
  return value;
}

/// Folds the values of all threads of a block of kWarps warps; every thread gets the result.
/// `shared` is 32 values of the block's memory, which may hold those of the last fold.
template <int kWarps, typename Value, typename Combine>
__device__ inline Value fold_block(Value value, Value neutral, Value* shared,
                                   const Combine& combine) {
  static_assert((kWarps & (kWarps - 1)) == 0);
  const unsigned lane = threadIdx.x % 32;
  const unsigned warp = threadIdx.x / 32;
  value = fold_warp(value, combine);
  if constexpr (kWarps == 1) return broadcast(value);
  __syncthreads();  // the last fold has been read
  if (lane == 0) shared[warp] = value;
  __syncthreads();
  return broadcast(fold_warp<kWarps>(lane < kWarps ? shared[lane] : neutral, combine));
}

}  // namespace weft::kernels::cuda
