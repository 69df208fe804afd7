#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/activation_kernels.hpp"

namespace weft::kernels::cuda {

// Each enqueues its kernel over `size` elements, or over rows, on `stream`; pointers are of device
// memory. T is float, BFloat16 or Float16, Math GeluTanh, GeluErf or SquaredRelu.

template <typename T, typename Math>
cudaError_t run(cudaStream_t stream, const ActivationForward<T, Math>& kernel, int64_t size);
template <typename T, typename Math>
cudaError_t run(cudaStream_t stream, const ActivationGradient<T, Math>& kernel, int64_t size);
template <typename T>
cudaError_t run(cudaStream_t stream, const SwiGluForwardRow<T>& kernel, int64_t rows);
template <typename T>
cudaError_t run(cudaStream_t stream, const SwiGluGradientRow<T>& kernel, int64_t rows);

}  // namespace weft::kernels::cuda
