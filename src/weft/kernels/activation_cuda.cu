// Activations on CUDA: the kernels of activation_kernels.hpp for every element type.
#include "weft/kernels/activation_cuda.cuh"
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename T, typename Math>
cudaError_t run(cudaStream_t stream, const ActivationForward<T, Math>& kernel, int64_t size) {
  constexpr int kPack = kPackOf<T>;
  return launch_elements<kPack>(stream, kernel, size, packs_fit<T>(0, kernel.x, kernel.y));
}

template <typename T, typename Math>
cudaError_t run(cudaStream_t stream, const ActivationGradient<T, Math>& kernel, int64_t size) {
  constexpr int kPack = kPackOf<T>;
  return launch_elements<kPack>(stream, kernel, size,
                                packs_fit<T>(0, kernel.dy, kernel.x, kernel.dx));
}

template <typename T>
cudaError_t run(cudaStream_t stream, const SwiGluForwardRow<T>& kernel, int64_t rows) {
  return launch_held_rows<T>(stream, kernel, rows, kernel.width,
                             packs_fit<T>(kernel.width, kernel.x_TG, kernel.y_TF));
}

template <typename T>
cudaError_t run(cudaStream_t stream, const SwiGluGradientRow<T>& kernel, int64_t rows) {
  return launch_held_rows<T>(stream, kernel, rows, kernel.width,
                             packs_fit<T>(kernel.width, kernel.dy_TF, kernel.x_TG, kernel.dx_TG));
}

#define WEFT_ACTIVATION(T, Math)                                                      \
  template cudaError_t run(cudaStream_t, const ActivationForward<T, Math>&, int64_t); \
  template cudaError_t run(cudaStream_t, const ActivationGradient<T, Math>&, int64_t);
#define WEFT_ACTIVATIONS(T)                                                    \
  WEFT_ACTIVATION(T, GeluTanh)                                                 \
  WEFT_ACTIVATION(T, GeluErf)                                                  \
  WEFT_ACTIVATION(T, SquaredRelu)                                              \
  template cudaError_t run(cudaStream_t, const SwiGluForwardRow<T>&, int64_t); \
  template cudaError_t run(cudaStream_t, const SwiGluGradientRow<T>&, int64_t);
WEFT_ACTIVATIONS(float)
WEFT_ACTIVATIONS(BFloat16)
WEFT_ACTIVATIONS(Float16)
#undef WEFT_ACTIVATIONS
#undef WEFT_ACTIVATION

}  // namespace weft::kernels::cuda
