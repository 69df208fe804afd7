#pragma once

#include <cuda_runtime.h>

#include <initializer_list>

#include "weft/kernels/block_fold.cuh"
#include "weft/kernels/packs.hpp"

namespace weft::kernels::cuda {

inline constexpr int kRowThreads = 256;
/// For rows of a vocabulary, of which fewer at once leave more of each in the L2 cache.
inline constexpr int kWideRowThreads = 1024;

/// Packs of a row that a thread holds in registers, where a row is not longer.
inline constexpr int kHeldPacks = 4;

/// The block of threads that runs a row kernel, with packs of N elements: at most kPacks a thread,
/// or any number when that is 0.
template <int N, int kThreads = kRowThreads, int kPacks = 0>
struct RowBlock {
  static constexpr int kPack = N;
  static constexpr int kWarps = kThreads / 32;

  template <typename Body>
  __device__ void each_pack(int64_t size, const Body& body) const {
    thread_packs<N>(threadIdx.x, kThreads, size, body);
  }
  template <typename T>
  __device__ auto hold(int64_t size, const T* x) const {
    if constexpr (kPacks == 0) {
      return x;
    } else {
      return thread_hold<N, kPacks>(threadIdx.x, kThreads, size, x);
    }
  }
  template <typename T, typename Function, typename... Inputs>
  __device__ void map_row(int64_t size, T* y, const Function& function,
                          const Inputs&... inputs) const {
    thread_map<N, kPacks>(threadIdx.x, kThreads, size, y, function, inputs...);
  }
  template <typename T, typename Function, typename... Inputs>
  __device__ auto map_and_hold(int64_t size, T* y, const Function& function,
                               const Inputs&... inputs) const {
    if constexpr (kPacks == 0) {
      map_row(size, y, function, inputs...);
      return static_cast<const T*>(y);
    } else {
      return thread_map_and_hold<N, kPacks>(threadIdx.x, kThreads, size, y, function, inputs...);
    }
  }
  template <typename T, typename Function, typename... Inputs>
  __device__ void map_row_to_two(int64_t size, T* y, T* z, const Function& function,
                                 const Inputs&... inputs) const {
    thread_map_to_two<N, kPacks>(threadIdx.x, kThreads, size, y, z, function, inputs...);
  }
  template <typename Value = float, typename Function, typename... Inputs>
  __device__ Value row_sum(int64_t size, const Function& function, const Inputs&... inputs) const {
    return fold(thread_sum<N, kPacks, Value>(threadIdx.x, kThreads, size, function, inputs...),
                Value{}, [](Value a, Value b) { return a + b; });
  }
  template <typename T>
  __device__ float row_max(int64_t size, const T* x) const {
    return fold(thread_max<N>(threadIdx.x, kThreads, size, x), -INFINITY,
                [](float a, float b) { return larger_or_nan(a, b); });
  }
  template <typename T>
  __device__ SoftmaxSum row_softmax(int64_t size, const T* x) const {
    return fold(thread_softmax<N>(threadIdx.x, kThreads, size, x), SoftmaxSum::none(),
                [](SoftmaxSum a, SoftmaxSum b) { return joined(a, b); });
  }
  template <typename Body>
  __device__ void once(const Body& body) const {
    if (threadIdx.x == 0) body();
  }

 private:
  /// Folds the warps' values, then those of all warps.
  template <typename Value, typename Combine>
  __device__ static Value fold(Value value, Value neutral, const Combine& combine) {
    __shared__ Value of_warps[32];
    return fold_block<kWarps>(value, neutral, of_warps, combine);
  }
};

/// Runs kernel(block, row) for every row, a block each.
template <int N, int kThreads, int kPacks = 0, typename Kernel>
__global__ void __launch_bounds__(kThreads) for_rows(Kernel kernel, int64_t rows) {
  const RowBlock<N, kThreads, kPacks> block;
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) kernel(block, row);
}

/// Whether packs of 16 bytes of T fit rows of `size` elements at these addresses.
template <typename T, typename... Pointers>
bool packs_fit(int64_t size, const Pointers*... pointers) {
  uintptr_t addresses = 0;
  for (const uintptr_t address : {reinterpret_cast<uintptr_t>(pointers)...}) addresses |= address;
  return size % kPackOf<T> == 0 && addresses % 16 == 0;
}

/// As many blocks as a GPU holds at once.
template <int kThreads>
inline constexpr int64_t kMostRowBlocks = 132 * (2048 / kThreads);

/// Enqueues `kernel` over `rows` on `stream`, with at most `most_blocks` blocks; T is the narrowest
/// type it packs.
template <typename T, int kThreads = kRowThreads, typename Kernel>
cudaError_t launch_rows(cudaStream_t stream, const Kernel& kernel, int64_t rows, bool packs,
                        int64_t most_blocks = kMostRowBlocks<kThreads>) {
  const auto blocks = static_cast<unsigned>(rows < most_blocks ? rows : most_blocks);
  if (blocks == 0) return cudaSuccess;
  if (packs) {
    for_rows<kPackOf<T>, kThreads><<<blocks, kThreads, 0, stream>>>(kernel, rows);
  } else {
    for_rows<1, kThreads><<<blocks, kThreads, 0, stream>>>(kernel, rows);
  }
  return cudaGetLastError();
}

/// As launch_rows for rows of `size` elements, which the threads hold in registers when they are
/// short enough: as few threads as can, so that many rows are on their way at once.
template <typename T, typename Kernel>
cudaError_t launch_held_rows(cudaStream_t stream, const Kernel& kernel, int64_t rows, int64_t size,
                             bool packs) {
  constexpr int kPack = kPackOf<T>;
  const int64_t threads = (size / kPack + kHeldPacks - 1) / kHeldPacks;
  if (!packs || threads > 256) return launch_rows<T>(stream, kernel, rows, packs);
  constexpr int64_t kMostBlocks = (int64_t{1} << 31) - 1;
  const auto blocks = static_cast<unsigned>(rows < kMostBlocks ? rows : kMostBlocks);
  if (blocks == 0) return cudaSuccess;
  if (threads <= 32) {
    for_rows<kPack, 32, kHeldPacks><<<blocks, 32, 0, stream>>>(kernel, rows);
  } else if (threads <= 64) {
    for_rows<kPack, 64, kHeldPacks><<<blocks, 64, 0, stream>>>(kernel, rows);
  } else if (threads <= 128) {
    for_rows<kPack, 128, kHeldPacks><<<blocks, 128, 0, stream>>>(kernel, rows);
  } else {
    for_rows<kPack, 256, kHeldPacks><<<blocks, 256, 0, stream>>>(kernel, rows);
  }
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
