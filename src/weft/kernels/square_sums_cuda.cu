// Sums of squares on CUDA: half a warp for each block of square_sums.hpp.
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/square_sums_cuda.cuh"

namespace weft::kernels::cuda {

namespace {

__global__ void __launch_bounds__(kElementThreads) block_sums(SquareSums squares) {
  constexpr int kLanes = static_cast<int>(SquareSums::kLanes);
  const int64_t thread = int64_t{blockIdx.x} * kElementThreads + threadIdx.x;
  const int64_t block = thread / kLanes;
  const int lane = static_cast<int>(thread % kLanes);
  double sum = squares.lane(block, lane);  // 0 behind the last block
  for (int width = kLanes / 2; width > 0; width /= 2) {
    sum += __shfl_down_sync(0xffffffffU, sum, static_cast<unsigned>(width), kLanes);
  }
  if (lane == 0 && block < squares.num_blocks()) squares.partials[block] = sum;
}

__global__ void total_sum(SquareSums squares, double* sum) { *sum = squares.total(); }

}  // namespace

cudaError_t run(cudaStream_t stream, const SquareSums& squares, double* sum) {
  const unsigned blocks = blocks_for(squares.num_blocks() * SquareSums::kLanes);
  if (blocks > 0) block_sums<<<blocks, kElementThreads, 0, stream>>>(squares);
  total_sum<<<1, 1, 0, stream>>>(squares, sum);
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
