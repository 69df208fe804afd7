#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/adamw_kernel.hpp"
#include "weft/kernels/adamw_step.hpp"
#include "weft/kernels/sgd_kernel.hpp"

namespace weft::kernels::cuda {

// Each enqueues one step of `size` parameters on `stream`; pointers are of device memory. Low is
// float, BFloat16 or Float16.

template <typename Low>
cudaError_t run(cudaStream_t stream, const AdamWKernel<Low, AdamWStep>& kernel, int64_t size);
template <typename Low>
cudaError_t run(cudaStream_t stream, const SgdKernel<Low>& kernel, int64_t size);

}  // namespace weft::kernels::cuda
