#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/block_sums.hpp"

namespace weft::kernels::cuda {

// Each enqueues its sum on `stream`; every pointer is of device memory.

/// *sum = the sum of Term, which is SquareOf or ZeroOf.
template <typename Term>
cudaError_t run(cudaStream_t stream, const BlockSums<Term>& sums, typename Term::Value* sum);
/// Adds to *masked.sum.
cudaError_t run(cudaStream_t stream, const MaskedSum& masked);
/// Over `size` elements; T is float, BFloat16 or Float16.
template <typename T>
cudaError_t run(cudaStream_t stream, const NotFinite<T>& kernel, int64_t size);

}  // namespace weft::kernels::cuda
