// Optimizers on CUDA: the kernels of adamw_kernel.hpp and sgd_kernel.hpp for every type of a
// model's values.
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/optimizer_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename Low>
cudaError_t run(cudaStream_t stream, const AdamWKernel<Low, AdamWStep>& kernel, int64_t size) {
  // Four parameters: 16 bytes of each f32 array.
  return launch_elements<4>(stream, kernel, size,
                            packs_fit<float>(0, kernel.grad, kernel.param, kernel.exp_avg,
                                             kernel.exp_avg_sq, kernel.low));
}

template <typename Low>
cudaError_t run(cudaStream_t stream, const SgdKernel<Low>& kernel, int64_t size) {
  return launch_elements<4>(
      stream, kernel, size,
      packs_fit<float>(0, kernel.grad, kernel.param, kernel.buffer, kernel.low));
}

#define WEFT_OPTIMIZERS(Low)                                                           \
  template cudaError_t run(cudaStream_t, const AdamWKernel<Low, AdamWStep>&, int64_t); \
  template cudaError_t run(cudaStream_t, const SgdKernel<Low>&, int64_t);
WEFT_OPTIMIZERS(float)
WEFT_OPTIMIZERS(BFloat16)
WEFT_OPTIMIZERS(Float16)
#undef WEFT_OPTIMIZERS

}  // namespace weft::kernels::cuda
