#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/dropout_kernel.hpp"

namespace weft::kernels::cuda {

/// Enqueues `kernel` over `rows` rows of [S, B, H] on `stream`; pointers are of device memory. T is
/// float, BFloat16 or Float16. The masks are those of the processor, bit for bit.
template <typename T>
cudaError_t run(cudaStream_t stream, const DropoutRowKernel<T>& kernel, int64_t rows);

}  // namespace weft::kernels::cuda
