// AdamW on CUDA: the kernel of adamw_kernel.hpp for every type of a model's values.
#include "weft/kernels/adamw_cuda.cuh"
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename Low>
cudaError_t run(cudaStream_t stream, const AdamWKernel<Low, AdamWStep>& kernel, int64_t size) {
  // Four parameters: 16 bytes of each f32 array.
  return launch_elements<4>(stream, kernel, size,
                            packs_fit<float>(0, kernel.grad, kernel.param, kernel.exp_avg,
                                             kernel.exp_avg_sq, kernel.low));
}

template cudaError_t run(cudaStream_t, const AdamWKernel<float, AdamWStep>&, int64_t);
template cudaError_t run(cudaStream_t, const AdamWKernel<BFloat16, AdamWStep>&, int64_t);
template cudaError_t run(cudaStream_t, const AdamWKernel<Float16, AdamWStep>&, int64_t);

}  // namespace weft::kernels::cuda
