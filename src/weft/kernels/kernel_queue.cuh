#pragma once

#include <cublasLt.h>
#include <cudnn_graph.h>

#include <string>

#include "weft/device/cuda_queue.cuh"
#include "weft/kernels/cuda_kernels.hpp"

namespace weft::kernels::cuda {

/// A GPU's queue as kernels see it: with the handles of the libraries that run on it.
class KernelQueue final : public CudaQueue {
 public:
  /// Throws Error{device} when a library cannot be opened on GPU `index`.
  explicit KernelQueue(int index);
  ~KernelQueue() override;
  KernelQueue(const KernelQueue&) = delete;
  KernelQueue& operator=(const KernelQueue&) = delete;

  const CudaKernels& kernels() const override;
  /// What tuned choices depend on; a part of a GPU has fewer multiprocessors under the same name.
  const std::string& device_name() const { return device_name_; }
  cublasLtHandle_t cublaslt() const { return cublaslt_; }
  /// On this queue's stream.
  cudnnHandle_t cudnn() const { return cudnn_; }

 private:
  std::string device_name_;
  cublasLtHandle_t cublaslt_ = nullptr;
  cudnnHandle_t cudnn_ = nullptr;
};

/// The queue of a GPU's stream.
inline KernelQueue& queue_of(const Stream& stream) {
  return static_cast<KernelQueue&>(*stream.queue());
}

/// Throws Error{device} naming the kernel unless a launch succeeded.
inline void check_launch(const char* kernel, cudaError_t status) {
  check(status == cudaSuccess, ErrorKind::device, "CUDA cannot launch {}: {}", kernel,
        cudaGetErrorString(status));
}

}  // namespace weft::kernels::cuda
