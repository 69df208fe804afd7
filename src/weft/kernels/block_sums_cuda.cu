// Sums of tensors on CUDA: a warp for each block of block_sums.hpp.
#include "weft/kernels/block_fold.cuh"
#include "weft/kernels/block_sums_cuda.cuh"
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

namespace {

constexpr int kFoldThreads = 1024;

struct Sum {
  template <typename Value>
  __device__ Value operator()(Value a, Value b) const {
    return a + b;
  }
};

/// The sum of every thread's value.
template <typename Value>
__device__ Value sum_of_block(Value value) {
  __shared__ Value of_warps[32];
  return fold_block<kFoldThreads / 32>(value, Value{0}, of_warps, Sum{});
}

template <int N, typename Sums>
__global__ void __launch_bounds__(kElementThreads) block_sums(Sums sums) {
  const int64_t thread = int64_t{blockIdx.x} * kElementThreads + threadIdx.x;
  const int64_t block = thread / Sums::kLanes;
  const int64_t lane = thread % Sums::kLanes;
  if (block >= sums.num_blocks()) return;  // whole warps
  const typename Sums::Value sum = fold_warp(sums.template lane<N>(block, lane), Sum{});
  if (lane == 0) sums.partials[block] = sum;
}

template <int N, typename Sums>
__global__ void __launch_bounds__(kFoldThreads) small_sum(Sums sums, typename Sums::Value* sum) {
  const typename Sums::Value total =
      sum_of_block(sums.template whole<N>(threadIdx.x, kFoldThreads));
  if (threadIdx.x == 0) *sum = total;
}

template <typename Sums>
__global__ void __launch_bounds__(kFoldThreads) total_sum(Sums sums, typename Sums::Value* sum) {
  const typename Sums::Value total = sum_of_block(sums.share(threadIdx.x, kFoldThreads));
  if (threadIdx.x == 0) *sum = total;
}

__global__ void __launch_bounds__(kFoldThreads) add_masked_sum(MaskedSum masked) {
  const double total = sum_of_block(masked.share(threadIdx.x, kFoldThreads));
  if (threadIdx.x == 0) *masked.sum += total;
}

/// One launch for a small tensor, else two.
template <int N, typename Sums>
cudaError_t launch(cudaStream_t stream, const Sums& sums, typename Sums::Value* sum) {
  if (sums.size <= Sums::kSmall) {
    small_sum<N><<<1, kFoldThreads, 0, stream>>>(sums, sum);
  } else {
    const unsigned blocks = blocks_for(sums.num_blocks() * Sums::kLanes);
    block_sums<N><<<blocks, kElementThreads, 0, stream>>>(sums);
    total_sum<<<1, kFoldThreads, 0, stream>>>(sums, sum);
  }
  return cudaGetLastError();
}

}  // namespace

template <typename Term>
cudaError_t run(cudaStream_t stream, const BlockSums<Term>& sums, typename Term::Value* sum) {
  return packs_fit<float>(0, sums.x) ? launch<4>(stream, sums, sum) : launch<1>(stream, sums, sum);
}

cudaError_t run(cudaStream_t stream, const MaskedSum& masked) {
  add_masked_sum<<<1, kFoldThreads, 0, stream>>>(masked);
  return cudaGetLastError();
}

template <typename T>
cudaError_t run(cudaStream_t stream, const NotFinite<T>& kernel, int64_t size) {
  return launch_elements<kPackOf<T>>(stream, kernel, size, packs_fit<T>(0, kernel.x));
}

template cudaError_t run(cudaStream_t, const BlockSums<SquareOf>&, double*);
template cudaError_t run(cudaStream_t, const BlockSums<ZeroOf>&, int64_t*);
template cudaError_t run(cudaStream_t, const NotFinite<float>&, int64_t);
template cudaError_t run(cudaStream_t, const NotFinite<BFloat16>&, int64_t);
template cudaError_t run(cudaStream_t, const NotFinite<Float16>&, int64_t);

}  // namespace weft::kernels::cuda
