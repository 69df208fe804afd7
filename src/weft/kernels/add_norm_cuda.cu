// Sums and their norms on CUDA: the kernel of add_norm_kernel.hpp for every element type.
#include "weft/kernels/add_norm_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

namespace {

template <typename T, typename X>
const T* beta_of(const LayerNormForwardRow<T, X>& norm) {
  return norm.beta_H;
}
template <typename T, typename X>
const T* beta_of(const RmsNormForwardRow<T, X>& /*norm*/) {
  return nullptr;
}

}  // namespace

template <typename T, typename X, template <typename, typename> typename Norm>
cudaError_t run(cudaStream_t stream, const AddNormRow<T, X, Norm>& kernel, int64_t rows) {
  const bool packs =
      packs_fit<T>(kernel.norm.hidden, kernel.sum.x_SBH, kernel.sum.bias_H, kernel.sum.residual_SBH,
                   kernel.sum.y_SBH, kernel.norm.gamma_H, beta_of(kernel.norm), kernel.norm.y_TH);
  return launch_held_rows<T>(stream, kernel, rows, kernel.norm.hidden, packs);
}

#define WEFT_ADD_NORM(T, X)                                                                      \
  template cudaError_t run(cudaStream_t, const AddNormRow<T, X, LayerNormForwardRow>&, int64_t); \
  template cudaError_t run(cudaStream_t, const AddNormRow<T, X, RmsNormForwardRow>&, int64_t);
WEFT_ADD_NORM(float, float)
WEFT_ADD_NORM(BFloat16, BFloat16)
WEFT_ADD_NORM(Float16, Float16)
WEFT_ADD_NORM(BFloat16, float)
WEFT_ADD_NORM(Float16, float)
#undef WEFT_ADD_NORM

}  // namespace weft::kernels::cuda
