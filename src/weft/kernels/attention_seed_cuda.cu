// The seed of cuDNN's dropout on CUDA.
#include "weft/kernels/attention_seed_cuda.cuh"

namespace weft::kernels::cuda {

namespace {

__global__ void draw_seed(AttentionSeed seed) { seed(); }

}  // namespace

cudaError_t run(cudaStream_t stream, const AttentionSeed& seed) {
  draw_seed<<<1, 1, 0, stream>>>(seed);
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
