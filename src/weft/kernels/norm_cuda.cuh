#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/norm_kernels.hpp"

namespace weft::kernels::cuda {

// Each enqueues its kernel over `rows` rows on `stream`; pointers are of device memory. T is float,
// BFloat16 or Float16; X is T or float.

template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const LayerNormForwardRow<T, X>& kernel, int64_t rows);
template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const LayerNormInputGradientRow<T, X>& kernel, int64_t rows);
template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const RmsNormForwardRow<T, X>& kernel, int64_t rows);
template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const RmsNormInputGradientRow<T, X>& kernel, int64_t rows);

}  // namespace weft::kernels::cuda
