#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/rotary_kernel.hpp"

namespace weft::kernels::cuda {

/// Enqueues `kernel` over `rows` rows of qkv_SBQ on `stream`; pointers are of device memory. T is
/// float, BFloat16 or Float16.
template <typename T>
cudaError_t run(cudaStream_t stream, const RotaryRow<T>& kernel, int64_t rows);

}  // namespace weft::kernels::cuda
