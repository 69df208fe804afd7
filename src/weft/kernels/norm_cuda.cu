// Norms on CUDA: the row kernels of norm_kernels.hpp for every element type.
#include "weft/kernels/norm_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const LayerNormForwardRow<T, X>& kernel, int64_t rows) {
  const bool packs =
      packs_fit<T>(kernel.hidden, kernel.x_TH, kernel.gamma_H, kernel.beta_H, kernel.y_TH);
  return launch_held_rows<T>(stream, kernel, rows, kernel.hidden, packs);
}

template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const LayerNormInputGradientRow<T, X>& kernel, int64_t rows) {
  const bool packs =
      packs_fit<T>(kernel.hidden, kernel.dy_TH, kernel.x_TH, kernel.gamma_H, kernel.dx_TH);
  return launch_held_rows<T>(stream, kernel, rows, kernel.hidden, packs);
}

template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const RmsNormForwardRow<T, X>& kernel, int64_t rows) {
  const bool packs = packs_fit<T>(kernel.hidden, kernel.x_TH, kernel.gamma_H, kernel.y_TH);
  return launch_held_rows<T>(stream, kernel, rows, kernel.hidden, packs);
}

template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const RmsNormInputGradientRow<T, X>& kernel, int64_t rows) {
  const bool packs =
      packs_fit<T>(kernel.hidden, kernel.dy_TH, kernel.x_TH, kernel.gamma_H, kernel.dx_TH);
  return launch_held_rows<T>(stream, kernel, rows, kernel.hidden, packs);
}

#define WEFT_NORMS(T, X)                                                                   \
  template cudaError_t run(cudaStream_t, const LayerNormForwardRow<T, X>&, int64_t);       \
  template cudaError_t run(cudaStream_t, const LayerNormInputGradientRow<T, X>&, int64_t); \
  template cudaError_t run(cudaStream_t, const RmsNormForwardRow<T, X>&, int64_t);         \
  template cudaError_t run(cudaStream_t, const RmsNormInputGradientRow<T, X>&, int64_t);
WEFT_NORMS(float, float)
WEFT_NORMS(BFloat16, BFloat16)
WEFT_NORMS(Float16, Float16)
WEFT_NORMS(BFloat16, float)
WEFT_NORMS(Float16, float)
#undef WEFT_NORMS

}  // namespace weft::kernels::cuda
