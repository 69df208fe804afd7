#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/attention_shape.hpp"

namespace weft::kernels::cuda {

/// Operands of our own attention, of device memory and of one element type.
template <typename T>
struct FallbackForward {
  const T* qkv_SBQ;
  T* out_SBO;
  float* lse_BNS;
};
template <typename T>
struct FallbackBackward {
  const T* dout_SBO;
  const T* qkv_SBQ;
  const T* out_SBO;
  const float* lse_BNS;
  T* dqkv_SBQ;
  float* delta_BNS;  ///< workspace
};

/// Enqueues attention and its gradient on `stream`. T is float, BFloat16 or Float16.
template <typename T>
cudaError_t run(cudaStream_t stream, const AttentionShape& shape, const FallbackForward<T>& data);
template <typename T>
cudaError_t run(cudaStream_t stream, const AttentionShape& shape, const FallbackBackward<T>& data);

}  // namespace weft::kernels::cuda
