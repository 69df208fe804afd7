#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/square_sums.hpp"

namespace weft::kernels::cuda {

/// Enqueues *sum = sum of squares on `stream`; every pointer is of device memory.
cudaError_t run(cudaStream_t stream, const SquareSums& squares, double* sum);

}  // namespace weft::kernels::cuda
