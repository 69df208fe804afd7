// Dropout on CUDA: the kernel of dropout_kernel.hpp for every element type.
#include "weft/kernels/dropout_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename T>
cudaError_t run(cudaStream_t stream, const DropoutRowKernel<T>& kernel, int64_t rows) {
  const bool packs =
      packs_fit<T>(kernel.hidden, kernel.x_SBH, kernel.bias_H, kernel.residual_SBH, kernel.y_SBH);
  return launch_rows<T>(stream, kernel, rows, packs);
}

template cudaError_t run(cudaStream_t, const DropoutRowKernel<float>&, int64_t);
template cudaError_t run(cudaStream_t, const DropoutRowKernel<BFloat16>&, int64_t);
template cudaError_t run(cudaStream_t, const DropoutRowKernel<Float16>&, int64_t);

}  // namespace weft::kernels::cuda
