#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/dropout_kernel.hpp"

namespace weft::kernels::cuda {

/// Enqueues `kernel` over `rows` rows of [S, B, H] on `stream`; pointers are of device memory. In
/// and Out are float, BFloat16 or Float16, and not two types of 16 bits. The masks are those of the
/// processor, bit for bit.
template <typename In, typename Out>
cudaError_t run(cudaStream_t stream, const DropoutRowKernel<In, Out>& kernel, int64_t rows);

}  // namespace weft::kernels::cuda
