#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/head_rows_kernel.hpp"

namespace weft::kernels::cuda {

/// Enqueues `kernel` over `size` elements of rows_RD on `stream`; pointers are of device memory. T
/// is uint16_t or uint32_t.
template <typename T>
cudaError_t run(cudaStream_t stream, const HeadRowsCopy<T>& kernel, int64_t size);

}  // namespace weft::kernels::cuda
