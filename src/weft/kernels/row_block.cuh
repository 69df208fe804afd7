#pragma once

#include <cuda_runtime.h>

#include <initializer_list>

#include "weft/kernels/packs.hpp"

namespace weft::kernels::cuda {

/// The block of threads that runs a row kernel, with packs of N elements.
template <int N>
struct RowBlock {
  static constexpr int kPack = N;
  static constexpr int kThreads = 256;
  static constexpr int kWarps = kThreads / 32;

  template <typename Body>
  __device__ void each_pack(int64_t size, const Body& body) const {
    thread_packs<N>(threadIdx.x, kThreads, size, body);
  }
  template <typename T, typename Function, typename... Inputs>
  __device__ void map_row(int64_t size, T* y, const Function& function,
                          const Inputs&... inputs) const {
    thread_map<N>(threadIdx.x, kThreads, size, y, function, inputs...);
  }
  template <typename Function, typename... Inputs>
  __device__ float row_sum(int64_t size, const Function& function, const Inputs&... inputs) const {
    return fold(thread_sum<N>(threadIdx.x, kThreads, size, function, inputs...), 0.0F,
                [](float a, float b) { return a + b; });
  }
  template <typename T>
  __device__ float row_max(int64_t size, const T* x) const {
    return fold(thread_max<N>(threadIdx.x, kThreads, size, x), -INFINITY,
                [](float a, float b) { return larger_or_nan(a, b); });
  }
  template <typename Body>
  __device__ void once(const Body& body) const {
    if (threadIdx.x == 0) body();
  }

 private:
  /// Folds the 32 values of a warp in halves; lane 0's result is everybody's.
  template <typename Combine>
  __device__ static float fold_warp(float value, const Combine& combine) {
    for (int width = 16; width > 0; width /= 2) {
      value = combine(value, __shfl_down_sync(0xffffffffU, value, width));
    }
    return __shfl_sync(0xffffffffU, value, 0);
  }

  /// Folds the warps' values, then those of all warps.
  template <typename Combine>
  __device__ static float fold(float value, float neutral, const Combine& combine) {
    __shared__ float of_warps[32];
    const unsigned lane = threadIdx.x % 32;
    value = fold_warp(value, combine);
    __syncthreads();  // the last fold has been read
    if (lane == 0) of_warps[threadIdx.x / 32] = value;
    __syncthreads();
    return fold_warp(lane < kWarps ? of_warps[lane] : neutral, combine);
  }
};

/// Runs kernel(block, row) for every row, a block each.
template <int N, typename Kernel>
__global__ void __launch_bounds__(RowBlock<N>::kThreads) for_rows(Kernel kernel, int64_t rows) {
  const RowBlock<N> block;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) kernel(block, row);
}

/// Whether packs of 16 bytes of T fit rows of `size` elements at these addresses.
template <typename T, typename... Pointers>
bool packs_fit(int64_t size, const Pointers*... pointers) {
  uintptr_t addresses = 0;
  for (const uintptr_t address : {reinterpret_cast<uintptr_t>(pointers)...}) addresses |= address;
  return size % kPackOf<T> == 0 && addresses % 16 == 0;
}

/// Enqueues `kernel` over `rows` on `stream`; T is the narrowest type it packs.
template <typename T, typename Kernel>
cudaError_t launch_rows(cudaStream_t stream, const Kernel& kernel, int64_t rows, bool packs) {
  constexpr int64_t kMostBlocks = 132 * 8;
  const auto blocks = static_cast<unsigned>(rows < kMostBlocks ? rows : kMostBlocks);
  if (blocks == 0) return cudaSuccess;
  if (packs) {
    for_rows<kPackOf<T>><<<blocks, RowBlock<1>::kThreads, 0, stream>>>(kernel, rows);
  } else {
    for_rows<1><<<blocks, RowBlock<1>::kThreads, 0, stream>>>(kernel, rows);
  }
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
