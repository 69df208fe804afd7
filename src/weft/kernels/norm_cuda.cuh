#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/norm_kernels.hpp"

namespace weft::kernels::cuda {

// Each enqueues its kernel over `rows` rows on `stream`; pointers are of device memory. T is float,
// BFloat16 or Float16.

template <typename T>
cudaError_t run(cudaStream_t stream, const LayerNormForwardRow<T>& kernel, int64_t rows);
template <typename T>
cudaError_t run(cudaStream_t stream, const LayerNormInputGradientRow<T>& kernel, int64_t rows);
template <typename T>
cudaError_t run(cudaStream_t stream, const RmsNormForwardRow<T>& kernel, int64_t rows);
template <typename T>
cudaError_t run(cudaStream_t stream, const RmsNormInputGradientRow<T>& kernel, int64_t rows);

}  // namespace weft::kernels::cuda
