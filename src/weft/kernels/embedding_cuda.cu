// The embedding on CUDA: the kernels of embedding_kernels.hpp for every element type.
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/embedding_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

namespace {

constexpr int kScanThreads = 1024;

// A thread for every token.

__device__ int64_t token_of_thread() { return int64_t{blockIdx.x} * kElementThreads + threadIdx.x; }

__global__ void __launch_bounds__(kElementThreads) count_tokens(TokenSort sort) {
  if (token_of_thread() < sort.tokens) sort.count(token_of_thread());
}

__global__ void __launch_bounds__(kElementThreads) place_tokens(TokenSort sort) {
  if (token_of_thread() < sort.tokens) sort.place(token_of_thread());
}

__global__ void __launch_bounds__(kElementThreads) rank_tokens(TokenSort sort) {
  if (token_of_thread() < sort.tokens) sort.rank(token_of_thread());
}

/// The sum over the lanes up to this one.
__device__ int32_t sum_up_to_lane(int32_t value) {
  const unsigned lane = threadIdx.x % 32;
  for (unsigned width = 1; width < 32; width *= 2) {
    const int32_t below = __shfl_up_sync(0xffffffffU, value, width);
    if (lane >= width) value += below;
  }
  return value;
}

/// One block.
__global__ void __launch_bounds__(kScanThreads) place_rows(TokenSort sort) {
  __shared__ int32_t of_warps[32];
  const unsigned lane = threadIdx.x % 32;
  const unsigned warp = threadIdx.x / 32;
  const int32_t own = sort.total(threadIdx.x, kScanThreads);
  const int32_t in_warp = sum_up_to_lane(own);
  if (lane == 31) of_warps[warp] = in_warp;
  __syncthreads();
  if (warp == 0) of_warps[lane] = sum_up_to_lane(of_warps[lane]);
  __syncthreads();
  const int32_t warps_before = warp == 0 ? 0 : of_warps[warp - 1];
  sort.place_rows(threadIdx.x, kScanThreads, warps_before + in_warp - own);
}

}  // namespace

template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const EmbeddingForwardRow<T, X>& kernel, int64_t rows) {
  const bool packs =
      packs_fit<T>(kernel.hidden, kernel.word_VH, kernel.position_PH, kernel.out_SBH);
  return launch_rows<T>(stream, kernel, rows, packs);
}

cudaError_t run(cudaStream_t stream, const TokenSort& sort) {
  if (sort.tokens == 0) return cudaSuccess;
  const unsigned blocks = blocks_for(sort.tokens);
  const auto bytes = static_cast<size_t>(sort.rows) * sizeof(int32_t);
  const cudaError_t cleared = cudaMemsetAsync(sort.ends_R, 0, bytes, stream);
  if (cleared != cudaSuccess) return cleared;
  count_tokens<<<blocks, kElementThreads, 0, stream>>>(sort);
  place_rows<<<1, kScanThreads, 0, stream>>>(sort);
  place_tokens<<<blocks, kElementThreads, 0, stream>>>(sort);
  rank_tokens<<<blocks, kElementThreads, 0, stream>>>(sort);
  return cudaGetLastError();
}

template <typename T>
cudaError_t run(cudaStream_t stream, const EmbeddingGradientRow<T>& kernel) {
  const bool packs = packs_fit<T>(kernel.hidden, kernel.dout_SBH, kernel.dtable_RH);
  // A block for each place: with fewer, those whose places begin an id could be few of them.
  const int64_t tokens = kernel.sort.tokens;
  return launch_rows<T>(stream, kernel, tokens, packs, tokens);
}

#define WEFT_EMBEDDING_FORWARD(T, X) \
  template cudaError_t run(cudaStream_t, const EmbeddingForwardRow<T, X>&, int64_t);
WEFT_EMBEDDING_FORWARD(float, float)
WEFT_EMBEDDING_FORWARD(BFloat16, BFloat16)
WEFT_EMBEDDING_FORWARD(Float16, Float16)
WEFT_EMBEDDING_FORWARD(BFloat16, float)
WEFT_EMBEDDING_FORWARD(Float16, float)
#undef WEFT_EMBEDDING_FORWARD
template cudaError_t run(cudaStream_t, const EmbeddingGradientRow<float>&);
template cudaError_t run(cudaStream_t, const EmbeddingGradientRow<BFloat16>&);
template cudaError_t run(cudaStream_t, const EmbeddingGradientRow<Float16>&);

}  // namespace weft::kernels::cuda
