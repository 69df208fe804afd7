#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/embedding_kernels.hpp"

namespace weft::kernels::cuda {

// Each enqueues its work on `stream`; pointers are of device memory. T is float, BFloat16 or
// Float16, X is T or float.

/// Over `rows` rows of out_SBH.
template <typename T, typename X>
cudaError_t run(cudaStream_t stream, const EmbeddingForwardRow<T, X>& kernel, int64_t rows);
/// All steps; the arrays may hold anything.
cudaError_t run(cudaStream_t stream, const TokenSort& sort);
/// After the tokens have been sorted.
template <typename T>
cudaError_t run(cudaStream_t stream, const EmbeddingGradientRow<T>& kernel);

}  // namespace weft::kernels::cuda
