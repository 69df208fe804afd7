#pragma once

#include <cuda_runtime.h>

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

/// Lane 0's value.
template <typename Value>
__device__ inline Value broadcast(Value value) {
  return __shfl_sync(0xffffffffU, value, 0);
}
__device__ inline SoftmaxSum broadcast(SoftmaxSum value) {
  return {__shfl_sync(0xffffffffU, value.max, 0), __shfl_sync(0xffffffffU, value.sum, 0)};
}

/// Folds the 32 values of a warp into lane 0's.
template <typename Value, typename Combine>
__device__ inline Value fold_warp(Value value, const Combine& combine) {
  for (unsigned width = 16; width > 0; width /= 2) {
    value = combine(value, shuffled_down(value, width));
  }
  return value;
}

/// Folds the values of all threads of a block of kWarps warps; every thread gets the result.
/// `shared` is 32 values of the block's memory, which may hold those of the last fold.
template <int kWarps, typename Value, typename Combine>
__device__ inline Value fold_block(Value value, Value neutral, Value* shared,
                                   const Combine& combine) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned warp = threadIdx.x / 32;
  value = fold_warp(value, combine);
  __syncthreads();  // the last fold has been read
  if (lane == 0) shared[warp] = value;
  __syncthreads();
  return broadcast(fold_warp(lane < kWarps ? shared[lane] : neutral, combine));
}

}  // namespace weft::kernels::cuda
