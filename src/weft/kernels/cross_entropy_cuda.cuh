#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/cross_entropy_kernels.hpp"

namespace weft::kernels::cuda {

// Each enqueues its kernel over `rows` rows on `stream`; pointers are of device memory. T is float,
// BFloat16 or Float16.

template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyMaxRow<T>& kernel, int64_t rows);
template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropySumsRow<T>& kernel, int64_t rows);
template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyGradientRow<T>& kernel, int64_t rows);
template <typename T>
cudaError_t run(cudaStream_t stream, const CrossEntropyWholeRow<T>& kernel, int64_t rows);
/// Over `tokens` elements.
cudaError_t run(cudaStream_t stream, const CrossEntropyLoss& kernel, int64_t tokens);

}  // namespace weft::kernels::cuda
