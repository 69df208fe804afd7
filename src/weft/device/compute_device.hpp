#pragma once

#include <memory>
#include <string>

#include "weft/device/cuda_backend.hpp"
#include "weft/device/memory_resource.hpp"

namespace weft {

/// The device of a run: where its memory comes from and what its kernels run on. Copies are the
/// same device.
class ComputeDevice {
 public:
  /// The CPU.
  ComputeDevice() = default;
  /// GPU `index`, which `backend` has found usable (why_unusable).
  ComputeDevice(const CudaBackend& backend, int index, const GpuFacts& facts);

  Device device() const { return device_; }
  bool is_gpu() const { return device_.type == DeviceType::cuda; }
  /// The GPU's description.
  const GpuFacts& gpu() const { return gpu_; }
  /// Bytes of the GPU's memory that are free now.
  int64_t free_bytes() const;
  /// "cpu", or for example "cuda:0 (NVIDIA H100 80GB HBM3)".
  std::string description() const;
  /// A stream for the calling thread. Throws Error{device} when the GPU gives none.
  Stream make_stream() const;
  /// Its memory, which lives as long as a copy of this.
  MemoryResource& memory() const { return is_gpu() ? *memory_ : host_memory(); }

 private:
  Device device_;
  const CudaBackend* backend_ = nullptr;
  GpuFacts gpu_;
  std::shared_ptr<MemoryResource> memory_;
};

}  // namespace weft
