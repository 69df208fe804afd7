// Cross entropy on CUDA: the kernels of cross_entropy_kernels.hpp for every element type.
#include "weft/kernels/cross_entropy_cuda.cuh"
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

namespace {

/// Enqueues `kernel` over rows of `vocab` logits of T.
template <typename T, typename Kernel>
cudaError_t launch(cudaStream_t stream, const Kernel& kernel, int64_t rows) {
  constexpr int64_t kWide = 8192;
  const bool packs = packs_fit<T>(kernel.vocab, kernel.logits_TV);
  return kernel.vocab < kWide ? launch_rows<T>(stream, kernel, rows, packs)
                              : launch_rows<T, kWideRowThreads>(stream, kernel, rows, packs);
}

}  // namespace

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyMaxRow<T>& kernel, int64_t rows) {
  return launch<T>(stream, kernel, rows);
}

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropySumsRow<T>& kernel, int64_t rows) {
  return launch<T>(stream, kernel, rows);
}

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyGradientRow<T>& kernel, int64_t rows) {
  return launch<T>(stream, kernel, rows);
}

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyWholeRow<T>& kernel, int64_t rows) {
  return launch<T>(stream, kernel, rows);
}

cudaError_t run(cudaStream_t stream, const CrossEntropyLoss& kernel, int64_t tokens) {
  return launch_elements<4>(
      stream, kernel, tokens,
      packs_fit<float>(0, kernel.predicted_T, kernel.sum_exp_T, kernel.loss_T));
}

#define WEFT_CROSS_ENTROPY(T)                                                         \
  template cudaError_t run(cudaStream_t, const CrossEntropyMaxRow<T>&, int64_t);      \
  template cudaError_t run(cudaStream_t, const CrossEntropySumsRow<T>&, int64_t);     \
  template cudaError_t run(cudaStream_t, const CrossEntropyGradientRow<T>&, int64_t); \
  template cudaError_t run(cudaStream_t, const CrossEntropyWholeRow<T>&, int64_t);
WEFT_CROSS_ENTROPY(float)
WEFT_CROSS_ENTROPY(BFloat16)
WEFT_CROSS_ENTROPY(Float16)
#undef WEFT_CROSS_ENTROPY

}  // namespace weft::kernels::cuda
