// Copies of heads on CUDA: the kernel of head_rows_kernel.hpp for every size of elements.
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/head_rows_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename T>
cudaError_t run(cudaStream_t stream, const HeadRowsCopy<T>& kernel, int64_t size) {
  constexpr int kPack = kPackOf<T>;
  const bool packs = kernel.stride % kPack == 0 && kernel.start % kPack == 0 &&
                     packs_fit<T>(kernel.run, kernel.from, kernel.to);
  return launch_elements<kPack>(stream, kernel, size, packs);
}

template cudaError_t run(cudaStream_t, const HeadRowsCopy<uint16_t>&, int64_t);
template cudaError_t run(cudaStream_t, const HeadRowsCopy<uint32_t>&, int64_t);

}  // namespace weft::kernels::cuda
