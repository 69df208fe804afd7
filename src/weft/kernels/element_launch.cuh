#pragma once

#include <cuda_runtime.h>

#include "weft/kernels/packs.hpp"

namespace weft::kernels::cuda {

inline constexpr int kElementThreads = 256;

/// Runs kernel.pack<N>(first) over `size` elements; what does not fill a pack one by one.
template <int N, typename Kernel>
__global__ void __launch_bounds__(kElementThreads) for_elements(Kernel kernel, int64_t size) {
  const int64_t thread = int64_t{blockIdx.x} * kElementThreads + threadIdx.x;
  const int64_t threads = int64_t{gridDim.x} * kElementThreads;
  const int64_t packed = size / N * N;
  thread_packs<N>(thread, threads, packed, [&](int64_t first) { kernel.template pack<N>(first); });
  thread_packs<1>(thread, threads, size - packed,
                  [&](int64_t first) { kernel.template pack<1>(packed + first); });
}

inline unsigned blocks_for(int64_t threads) {
  return static_cast<unsigned>((threads + kElementThreads - 1) / kElementThreads);
}

/// Enqueues `kernel` over `size` elements in packs of N, or one by one when `packs` is false.
template <int N, typename Kernel>
cudaError_t launch_elements(cudaStream_t stream, const Kernel& kernel, int64_t size, bool packs) {
  constexpr unsigned kMostBlocks = 132 * 16;
  if (size == 0) return cudaSuccess;
  const unsigned wanted = blocks_for(packs ? (size + N - 1) / N : size);
  const unsigned blocks = wanted < kMostBlocks ? wanted : kMostBlocks;
  if (packs) {
    for_elements<N><<<blocks, kElementThreads, 0, stream>>>(kernel, size);
  } else {
    for_elements<1><<<blocks, kElementThreads, 0, stream>>>(kernel, size);
  }
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
