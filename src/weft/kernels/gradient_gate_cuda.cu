// The gate of gradients on CUDA.
#include "weft/kernels/gradient_gate_cuda.cuh"

namespace weft::kernels::cuda {

namespace {

__global__ void decide(GradientGateKernel kernel) {
  *kernel.gate = gradient_gate(kernel.sums, kernel.count, kernel.loss_scale, kernel.clip_grad);
}

}  // namespace

cudaError_t run(cudaStream_t stream, const GradientGateKernel& kernel) {
  decide<<<1, 1, 0, stream>>>(kernel);
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
