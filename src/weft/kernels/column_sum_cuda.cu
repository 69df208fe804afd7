// Sums over rows on CUDA: the kernels of column_kernels.hpp for every element type.
#include "weft/kernels/column_sum_cuda.cuh"
#include "weft/kernels/element_launch.cuh"

namespace weft::kernels::cuda {

template <typename Term>
cudaError_t run(cudaStream_t stream, const ColumnChunks<Term>& sums, float* y) {
  if (sums.rows == 0 || sums.columns == 0) return cudaSuccess;
  const int64_t chunks = sums.num_chunks();
  const unsigned blocks = blocks_for(sums.columns);
  for_column_chunks<<<dim3(blocks, static_cast<unsigned>(chunks)), kElementThreads, 0, stream>>>(
      sums);
  const ColumnFold fold{
      .partials = sums.partials, .y = y, .chunks = chunks, .columns = sums.columns};
  for_columns<<<blocks, kElementThreads, 0, stream>>>(fold);
  return cudaGetLastError();
}

#define WEFT_COLUMN_SUMS(T)                                                                   \
  template cudaError_t run(cudaStream_t, const ColumnChunks<ColumnTerm<T>>&, float*);         \
  template cudaError_t run(cudaStream_t, const ColumnChunks<LayerNormGammaTerm<T>>&, float*); \
  template cudaError_t run(cudaStream_t, const ColumnChunks<RmsNormGammaTerm<T>>&, float*);
WEFT_COLUMN_SUMS(float)
WEFT_COLUMN_SUMS(BFloat16)
WEFT_COLUMN_SUMS(Float16)
#undef WEFT_COLUMN_SUMS

}  // namespace weft::kernels::cuda
