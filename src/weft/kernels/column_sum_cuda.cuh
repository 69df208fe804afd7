#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/column_kernels.hpp"

namespace weft::kernels::cuda {

/// Enqueues y[column] += sum over rows of sums.term on `stream`. sums.partials holds num_chunks() *
/// columns floats; pointers are of device memory. Term is ColumnTerm, LayerNormGammaTerm or
/// RmsNormGammaTerm of float, BFloat16 or Float16.
template <typename Term>
cudaError_t run(cudaStream_t stream, const ColumnChunks<Term>& sums, float* y);

}  // namespace weft::kernels::cuda
