#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/attention_cache_kernels.hpp"

namespace weft::kernels::cuda {

/// Enqueues the copy of `tokens` tokens' keys and values into the cache, then their attention.
/// Pointers are of device memory; T is float, BFloat16 or Float16.
template <typename T>
cudaError_t run(cudaStream_t stream, const CacheAppend<T>& append,
                const CachedAttention<T>& attention);

}  // namespace weft::kernels::cuda
