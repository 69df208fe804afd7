#include <cuda_runtime_api.h>

#include "weft/base/error.hpp"
#include "weft/device/cuda_memory.hpp"
#include "weft/device/cuda_policy.cuh"

namespace weft {

void* CudaMemory::allocate(size_t bytes) {
  void* pointer = nullptr;
  cudaError_t status = cudaSetDevice(index_);
  if (status == cudaSuccess) status = cudaMalloc(&pointer, aligned_size(bytes));
  if (status != cudaSuccess) {
    fail_with_hint(ErrorKind::device, "--micro-batch-size, --seq-length or a smaller model",
                   "GPU {} gives no {} bytes: {}", index_, bytes, cudaGetErrorString(status));
  }
  return pointer;
}

void CudaMemory::deallocate(void* pointer, size_t /*bytes*/) noexcept {
  if (cudaSetDevice(index_) == cudaSuccess) cudaFree(pointer);
}

void CudaMemory::clear(void* pointer, size_t bytes) {
  check_cuda(cudaSetDevice(index_), "use the GPU");
  const CudaPolicy::Stream stream;
  check_cuda(cudaMemsetAsync(pointer, 0, bytes, stream.get()), "clear memory");
  stream.synchronize();
}

void* PinnedMemory::allocate(size_t bytes) {
  void* pointer = nullptr;
  const cudaError_t status = cudaHostAlloc(&pointer, aligned_size(bytes), cudaHostAllocPortable);
  if (status != cudaSuccess) {
    fail(ErrorKind::device, "the host gives no {} pinned bytes: {}", bytes,
         cudaGetErrorString(status));
  }
  return pointer;
}

void PinnedMemory::deallocate(void* pointer, size_t /*bytes*/) noexcept { cudaFreeHost(pointer); }

}  // namespace weft
