// Elementwise work on CUDA: the kernels of element_kernels.hpp for every element type.
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/elementwise_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename From, typename To>
cudaError_t run(cudaStream_t stream, const ConvertKernel<From, To>& kernel, int64_t size) {
  constexpr int kPack = kPackOf < From >> kPackOf<To> ? kPackOf<From> : kPackOf<To>;
  return launch_elements<kPack>(stream, kernel, size, packs_fit<To>(0, kernel.x, kernel.y));
}

template <typename From, typename To>
cudaError_t run(cudaStream_t stream, const ConvertRowsKernel<From, To>& kernel, int64_t size) {
  constexpr int kPack = kPackOf < From >> kPackOf<To> ? kPackOf<From> : kPackOf<To>;
  const bool packs = kernel.columns % kPack == 0 && kernel.stride % kPack == 0 &&
                     packs_fit<To>(0, kernel.x, kernel.y);
  return launch_elements<kPack>(stream, kernel, size, packs);
}

template <typename T>
cudaError_t run(cudaStream_t stream, const AddKernel<T>& kernel, int64_t size) {
  constexpr int kPack = kPackOf<T>;
  return launch_elements<kPack>(stream, kernel, size, packs_fit<T>(0, kernel.x, kernel.y));
}

template <typename T>
cudaError_t run(cudaStream_t stream, const ScaleKernel<T>& kernel, int64_t size) {
  constexpr int kPack = kPackOf<T>;
  return launch_elements<kPack>(stream, kernel, size, packs_fit<T>(0, kernel.y));
}

cudaError_t run(cudaStream_t stream, const NormalKernel& kernel, int64_t size) {
  return launch_elements<4>(stream, kernel, size, packs_fit<float>(0, kernel.x));
}

cudaError_t run(cudaStream_t stream, const UniformKernel& kernel, int64_t size) {
  return launch_elements<4>(stream, kernel, size, packs_fit<float>(0, kernel.x));
}

#define WEFT_CONVERT(From, To)                                                     \
  template cudaError_t run(cudaStream_t, const ConvertKernel<From, To>&, int64_t); \
  template cudaError_t run(cudaStream_t, const ConvertRowsKernel<From, To>&, int64_t);
#define WEFT_ELEMENTWISE(T)                                             \
  WEFT_CONVERT(float, T)                                                \
  WEFT_CONVERT(BFloat16, T)                                             \
  WEFT_CONVERT(Float16, T)                                              \
  template cudaError_t run(cudaStream_t, const AddKernel<T>&, int64_t); \
  template cudaError_t run(cudaStream_t, const ScaleKernel<T>&, int64_t);
WEFT_ELEMENTWISE(float)
WEFT_ELEMENTWISE(BFloat16)
WEFT_ELEMENTWISE(Float16)
#undef WEFT_ELEMENTWISE
#undef WEFT_CONVERT

}  // namespace weft::kernels::cuda
