#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/add_norm_kernel.hpp"

namespace weft::kernels::cuda {

/// Enqueues `kernel` over `rows` rows on `stream`; pointers are of device memory. T is float,
/// BFloat16 or Float16; X is T or float.
template <typename T, typename X, template <typename, typename> typename Norm>
cudaError_t run(cudaStream_t stream, const AddNormRow<T, X, Norm>& kernel, int64_t rows);

}  // namespace weft::kernels::cuda
