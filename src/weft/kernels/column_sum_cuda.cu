// Sums over rows on CUDA: the kernels of column_kernels.hpp for every element type.
#include "weft/kernels/column_sum_cuda.cuh"
#include "weft/kernels/element_launch.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

namespace {

constexpr int kChunkThreads = 128;
constexpr int kFoldColumns = 32;

/// Where one or two sums go.
template <int kSums>
struct ColumnSums {
  static_assert(kSums <= 2);
  float* ys[kSums];
};

/// A thread for every pack of N columns (x) of every chunk (y). There are few blocks: they may take
/// the registers for the rows that are on their way.
template <int N, typename Sums>
__global__ void __launch_bounds__(kChunkThreads, 4) sum_chunks(Sums sums) {
  const int64_t first = (int64_t{blockIdx.x} * kChunkThreads + threadIdx.x) * N;
  if (first < sums.columns) sums.template pack<N>(blockIdx.y, first);
}

/// A warp for each slice of 32 columns (x) of each sum (y).
template <int kSums>
__global__ void __launch_bounds__(kFoldColumns* ColumnFold::kSlices)
    fold_chunks(ColumnFold fold, ColumnSums<kSums> sums) {
  fold.partials += blockIdx.y * fold.columns;
  fold.y = blockIdx.y == 0 ? sums.ys[0] : sums.ys[kSums - 1];
  __shared__ float slices[ColumnFold::kSlices][kFoldColumns];
  const int64_t column = int64_t{blockIdx.x} * kFoldColumns + threadIdx.x;
  if (column < fold.columns) {
    slices[threadIdx.y][threadIdx.x] = fold.slice(column, static_cast<int>(threadIdx.y));
  }
  __syncthreads();
  if (column >= fold.columns || threadIdx.y != 0) return;
  float of_column[ColumnFold::kSlices];
  for (int slice = 0; slice < ColumnFold::kSlices; ++slice) {
    of_column[slice] = slices[slice][threadIdx.x];
  }
  fold.add(column, of_column);
}

template <int N, typename Sums>
void launch_chunks(cudaStream_t stream, const Sums& sums) {
  const int64_t threads = (sums.columns + N - 1) / N;
  const dim3 blocks(static_cast<unsigned>((threads + kChunkThreads - 1) / kChunkThreads),
                    static_cast<unsigned>(sums.num_chunks()));
  sum_chunks<N><<<blocks, kChunkThreads, 0, stream>>>(sums);
}

template <typename T>
bool packs_fit_term(const ColumnTerm<T>& term, int64_t columns, const float* partials) {
  return packs_fit<T>(columns, term.x_TN, partials);
}
template <typename T, typename X>
bool packs_fit_term(const LayerNormWeightTerm<T, X>& term, int64_t columns, const float* partials) {
  return packs_fit<T>(columns, term.dy_TH, term.x_TH, partials);
}
template <typename T, typename X>
bool packs_fit_term(const RmsNormWeightTerm<T, X>& term, int64_t columns, const float* partials) {
  return packs_fit<T>(columns, term.dy_TH, term.x_TH, partials);
}

}  // namespace

template <typename Term>
cudaError_t run(cudaStream_t stream, const ColumnChunks<Term>& sums,
                float* const (&ys)[Term::kSums]) {
  if (sums.rows == 0 || sums.columns == 0) return cudaSuccess;
  if (packs_fit_term(sums.term, sums.columns, sums.partials)) {
    launch_chunks<Term::kPack>(stream, sums);
  } else {
    launch_chunks<1>(stream, sums);
  }
  ColumnSums<Term::kSums> to;
  for (int sum = 0; sum < Term::kSums; ++sum) to.ys[sum] = ys[sum];
  const ColumnFold fold{.partials = sums.partials,
                        .y = nullptr,
                        .chunks = sums.num_chunks(),
                        .columns = sums.columns,
                        .stride = Term::kSums * sums.columns};
  const dim3 blocks(static_cast<unsigned>((sums.columns + kFoldColumns - 1) / kFoldColumns),
                    Term::kSums);
  fold_chunks<Term::kSums>
      <<<blocks, dim3(kFoldColumns, ColumnFold::kSlices), 0, stream>>>(fold, to);
  return cudaGetLastError();
}

#define WEFT_COLUMN_SUM(...)                                               \
  template cudaError_t run(cudaStream_t, const ColumnChunks<__VA_ARGS__>&, \
                           float* const(&)[__VA_ARGS__::kSums]);
#define WEFT_NORM_SUMS(T, X)                 \
  WEFT_COLUMN_SUM(LayerNormWeightTerm<T, X>) \
  WEFT_COLUMN_SUM(RmsNormWeightTerm<T, X>)
WEFT_COLUMN_SUM(ColumnTerm<float>)
WEFT_COLUMN_SUM(ColumnTerm<BFloat16>)
WEFT_COLUMN_SUM(ColumnTerm<Float16>)
WEFT_NORM_SUMS(float, float)
WEFT_NORM_SUMS(BFloat16, BFloat16)
WEFT_NORM_SUMS(Float16, Float16)
WEFT_NORM_SUMS(BFloat16, float)
WEFT_NORM_SUMS(Float16, float)
#undef WEFT_NORM_SUMS
#undef WEFT_COLUMN_SUM

}  // namespace weft::kernels::cuda
