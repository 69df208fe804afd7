#pragma once

#include <cstddef>
#include <memory>

#include "weft/device/stream.hpp"

namespace weft {

/// Every block starts at a multiple of this: what cuBLASLt expects, and a multiple of a cache line.
inline constexpr size_t kAlignment = 256;

/// `bytes` rounded up to a multiple of kAlignment.
constexpr size_t aligned_size(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Source of device memory. Implementations are safe to call from several threads.
class MemoryResource {
 public:
  virtual ~MemoryResource() = default;

  /// `bytes` of memory aligned to kAlignment; throws Error{device} naming the size when there is
  /// none.
  virtual void* allocate(size_t bytes) = 0;
  /// Returns what `allocate(bytes)` gave.
  virtual void deallocate(void* pointer, size_t bytes) noexcept = 0;
  /// Sets `bytes` of this memory to zero.
  virtual void clear(void* pointer, size_t bytes);
  virtual Device device() const = 0;
};

/// Host memory. Blocks of 2 MiB and more start on a 2 MiB boundary and ask the kernel for huge
/// pages.
class HostMemory final : public MemoryResource {
 public:
  void* allocate(size_t bytes) override;
  void deallocate(void* pointer, size_t bytes) noexcept override;
  Device device() const override { return {}; }
};

/// The process's host memory.
MemoryResource& host_memory();

/// One block of memory, taken at once and handed out piece by piece: the memory that a run has
/// planned. Nothing that it handed out outlives it; what is given back is not handed out again.
class PlannedMemory final : public MemoryResource {
 public:
  /// Takes the block from `source`, which outlives it.
  explicit PlannedMemory(size_t bytes, MemoryResource& source = host_memory());
  ~PlannedMemory() override;
  PlannedMemory(const PlannedMemory&) = delete;
  PlannedMemory& operator=(const PlannedMemory&) = delete;

  /// Throws Error{internal} when the plan does not hold `bytes` more.
  void* allocate(size_t bytes) override;
  void deallocate(void* pointer, size_t bytes) noexcept override;
  void clear(void* pointer, size_t bytes) override { source_->clear(pointer, bytes); }
  Device device() const override { return source_->device(); }
  size_t size_bytes() const { return size_; }
  /// Bytes handed out, each piece rounded up to kAlignment.
  size_t used_bytes() const { return used_; }

 private:
  MemoryResource* source_;
  std::byte* data_;
  size_t size_;
  size_t used_ = 0;
};

/// Owner of one block of device memory, zero-filled at construction. Move-only.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t bytes, MemoryResource& resource = host_memory());
  ~Buffer();
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::byte* data() const { return data_; }
  size_t size_bytes() const { return size_; }
  Device device() const { return resource_ ? resource_->device() : Device{}; }

 private:
  MemoryResource* resource_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace weft
