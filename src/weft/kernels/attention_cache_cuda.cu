// Attention over a cache on CUDA: the kernels of attention_cache_kernels.hpp for every element
// type.
#include "weft/kernels/attention_cache_cuda.cuh"
#include "weft/kernels/attention_phases.cuh"
#include "weft/kernels/element_launch.cuh"

namespace weft::kernels::cuda {

template <typename T>
cudaError_t run(cudaStream_t stream, const CacheAppend<T>& append,
                const CachedAttention<T>& attention) {
  const int64_t size = attention.tokens * append.layout.groups * append.layout.head_dim;
  const cudaError_t status = launch_elements<1>(stream, append, size, false);
  if (status != cudaSuccess || size == 0) return status;
  return launch_blocks<CachedAttentionMemory, kCacheThreads>(stream, attention);
}

template cudaError_t run(cudaStream_t, const CacheAppend<float>&, const CachedAttention<float>&);
template cudaError_t run(cudaStream_t, const CacheAppend<BFloat16>&,
                         const CachedAttention<BFloat16>&);
template cudaError_t run(cudaStream_t, const CacheAppend<Float16>&,
                         const CachedAttention<Float16>&);

}  // namespace weft::kernels::cuda
