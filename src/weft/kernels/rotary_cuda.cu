// Rotary positions on CUDA: the kernel of rotary_kernel.hpp for every element type.
#include "weft/kernels/rotary_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename T>
cudaError_t run(cudaStream_t stream, const RotaryRow<T>& kernel, int64_t rows) {
  const bool packs = kernel.layout.head_dim % kPackOf<T> == 0 &&
                     packs_fit<T>(kernel.frequencies, kernel.qkv_SBQ, kernel.cos_SF, kernel.sin_SF);
  // A row has few packs: of 32 queries and 8 keys of 64 channels, 160.
  return launch_rows<T, 64>(stream, kernel, rows, packs);
}

template cudaError_t run(cudaStream_t, const RotaryRow<float>&, int64_t);
template cudaError_t run(cudaStream_t, const RotaryRow<BFloat16>&, int64_t);
template cudaError_t run(cudaStream_t, const RotaryRow<Float16>&, int64_t);

}  // namespace weft::kernels::cuda
