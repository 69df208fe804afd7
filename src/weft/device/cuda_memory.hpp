#pragma once

#include "weft/device/memory_resource.hpp"

namespace weft {

/// Memory of one GPU. Allocation and deallocation stop the whole device: a run takes one block
/// (PlannedMemory) before its first step and gives it back after its last.
class CudaMemory final : public MemoryResource {
 public:
  explicit CudaMemory(int index) : index_(index) {}

  void* allocate(size_t bytes) override;
  void deallocate(void* pointer, size_t bytes) noexcept override;
  void clear(void* pointer, size_t bytes) override;
  Device device() const override { return {DeviceType::cuda, index_}; }

 private:
  int index_;
};

/// Host memory that a GPU reads and writes while the processor goes on.
class PinnedMemory final : public MemoryResource {
 public:
  void* allocate(size_t bytes) override;
  void deallocate(void* pointer, size_t bytes) noexcept override;
  Device device() const override { return {}; }
};

}  // namespace weft
