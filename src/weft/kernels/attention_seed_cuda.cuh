#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/attention_seed_kernel.hpp"

namespace weft::kernels::cuda {

/// Enqueues `seed` on `stream`.
cudaError_t run(cudaStream_t stream, const AttentionSeed& seed);

}  // namespace weft::kernels::cuda
