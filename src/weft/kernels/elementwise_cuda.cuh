#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/element_kernels.hpp"

namespace weft::kernels::cuda {

// Each enqueues its kernel over `size` elements on `stream`; pointers are of device memory. Types
// are float, BFloat16 or Float16.

template <typename From, typename To>
cudaError_t run(cudaStream_t stream, const ConvertKernel<From, To>& kernel, int64_t size);
template <typename From, typename To>
cudaError_t run(cudaStream_t stream, const ConvertRowsKernel<From, To>& kernel, int64_t size);
template <typename T>
cudaError_t run(cudaStream_t stream, const AddKernel<T>& kernel, int64_t size);
template <typename T>
cudaError_t run(cudaStream_t stream, const ScaleKernel<T>& kernel, int64_t size);
cudaError_t run(cudaStream_t stream, const NormalKernel& kernel, int64_t size);
cudaError_t run(cudaStream_t stream, const UniformKernel& kernel, int64_t size);

}  // namespace weft::kernels::cuda
