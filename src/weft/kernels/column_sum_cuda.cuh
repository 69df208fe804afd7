#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/column_kernels.hpp"

namespace weft::kernels::cuda {

/// Enqueues ys[sum][column] += each of the term's sums over all rows on `stream`. sums.partials
/// holds num_chunks() * kSums * columns floats; pointers are of device memory. Term is ColumnTerm,
/// LayerNormWeightTerm or RmsNormWeightTerm of float, BFloat16 or Float16, or beside a stream of
/// float.
template <typename Term>
cudaError_t run(cudaStream_t stream, const ColumnChunks<Term>& sums,
                float* const (&ys)[Term::kSums]);

}  // namespace weft::kernels::cuda
