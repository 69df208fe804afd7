// Cross entropy on CUDA: the kernels of cross_entropy_kernels.hpp for every element type.
#include "weft/kernels/cross_entropy_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyMaxRow<T>& kernel, int64_t rows) {
  return launch_rows<T>(stream, kernel, rows, packs_fit<T>(kernel.vocab, kernel.logits_TV));
}

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropySumsRow<T>& kernel, int64_t rows) {
  return launch_rows<T>(stream, kernel, rows, packs_fit<T>(kernel.vocab, kernel.logits_TV));
}

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyGradientRow<T>& kernel, int64_t rows) {
  return launch_rows<T>(stream, kernel, rows, packs_fit<T>(kernel.vocab, kernel.logits_TV));
}

#define WEFT_CROSS_ENTROPY(T)                                                     \
  template cudaError_t run(cudaStream_t, const CrossEntropyMaxRow<T>&, int64_t);  \
  template cudaError_t run(cudaStream_t, const CrossEntropySumsRow<T>&, int64_t); \
  template cudaError_t run(cudaStream_t, const CrossEntropyGradientRow<T>&, int64_t);
WEFT_CROSS_ENTROPY(float)
WEFT_CROSS_ENTROPY(BFloat16)
WEFT_CROSS_ENTROPY(Float16)
#undef WEFT_CROSS_ENTROPY

}  // namespace weft::kernels::cuda
