#pragma once

#include <cuda_runtime.h>

#include "weft/kernels/packs.hpp"

namespace weft::kernels::cuda {

inline constexpr int kElementThreads = 256;

/// Packs of a thread that are on their way at once: two of a kernel whose packs are read and
/// written on their own.
template <typename Kernel>
inline constexpr int packs_at_once = has_packs<Kernel> ? 2 : 1;

/// Runs `kernel` over `size` elements in packs of N; what does not fill a pack one by one. Two
/// packs at once need more registers than a full multiprocessor leaves.
template <int N, typename Kernel>
__global__ void __launch_bounds__(kElementThreads, has_packs<Kernel> ? 3 : 1)
    for_elements(Kernel kernel, int64_t size) {
  const int64_t packed = size / N * N;
  constexpr int64_t kApart = kElementThreads * N;
  constexpr int64_t kTile = kApart * packs_at_once<Kernel>;
  for (int64_t tile = blockIdx.x * kTile; tile < packed; tile += gridDim.x * kTile) {
    const int64_t first = tile + threadIdx.x * N;
    if constexpr (has_packs<Kernel>) {
      if (first + kApart < packed) {
        const auto one = kernel.template read<N>(first);
        const auto other = kernel.template read<N>(first + kApart);
        kernel.template write<N>(first, one);
        kernel.template write<N>(first + kApart, other);
        continue;
      }
    }
    if (first < packed) run_pack<N>(kernel, first);
  }
  const int64_t thread = int64_t{blockIdx.x} * kElementThreads + threadIdx.x;
  const int64_t threads = int64_t{gridDim.x} * kElementThreads;
  for (int64_t rest = packed + thread; rest < size; rest += threads) run_pack<1>(kernel, rest);
}

inline unsigned blocks_for(int64_t threads) {
  return static_cast<unsigned>((threads + kElementThreads - 1) / kElementThreads);
}

/// Enqueues `kernel` over `size` elements in packs of N, or one by one when `packs` is false.
template <int N, typename Kernel>
cudaError_t launch_elements(cudaStream_t stream, const Kernel& kernel, int64_t size, bool packs) {
  constexpr unsigned kMostBlocks = 132 * 512;
  if (size == 0) return cudaSuccess;
  const int64_t of_thread = (packs ? N : 1) * packs_at_once<Kernel>;
  const unsigned wanted = blocks_for((size + of_thread - 1) / of_thread);
  const unsigned blocks = wanted < kMostBlocks ? wanted : kMostBlocks;
  if (packs) {
    for_elements<N><<<blocks, kElementThreads, 0, stream>>>(kernel, size);
  } else {
    for_elements<1><<<blocks, kElementThreads, 0, stream>>>(kernel, size);
  }
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
