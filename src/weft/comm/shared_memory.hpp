#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "weft/device/memory_resource.hpp"

namespace weft::comm {

/// Where another process of this machine finds a SharedMemory, and how it knows that it is the one.
struct SharedMemoryAddress {
  int64_t process = 0;
  int64_t file = -1;
  uint64_t token = 0;
};

/// Host memory that other processes of the same user and machine can read: blocks of a file without
/// a name, which ends with the last process that has it open, however that one ends.
class SharedMemory final : public MemoryResource {
 public:
  /// Throws Error{device} when the kernel gives none.
  SharedMemory();
  ~SharedMemory() override;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  void* allocate(size_t bytes) override;
  /// Readers find zeros in the block afterwards.
  void deallocate(void* pointer, size_t bytes) noexcept override;
  Device device() const override { return {}; }

  SharedMemoryAddress address() const { return address_; }
  /// Where readers find what lies at `pointer`; -1 when it does not lie in this memory.
  int64_t offset_of(const std::byte* pointer) const;

  /// From now on readers find what a block had when it was given back: after a failure nobody may
  /// take zeros for a message.
  void keep_contents() { keeps_contents_ = true; }

 private:
  struct Block {
    int64_t offset = 0;
    size_t bytes = 0;
  };

  SharedMemoryAddress address_;
  std::atomic<bool> keeps_contents_ = false;
  mutable std::mutex mutex_;
  std::map<const std::byte*, Block> blocks_;
  int64_t end_ = 0;  // offsets are never used twice; what was given back takes no memory
};

/// Another process's SharedMemory. Used by one thread.
class SharedMemoryView {
 public:
  /// Null when this process may not read the memory, or cannot see it from its container.
  static std::unique_ptr<SharedMemoryView> open(const SharedMemoryAddress& address);
  ~SharedMemoryView();
  SharedMemoryView(const SharedMemoryView&) = delete;
  SharedMemoryView& operator=(const SharedMemoryView&) = delete;

  /// The `bytes` bytes at `offset`, until the next call; null when they cannot be mapped.
  const std::byte* at(int64_t offset, int64_t bytes);

 private:
  explicit SharedMemoryView(int file) : file_(file) {}

  int file_;
  void* memory_ = nullptr;
  size_t mapped_bytes_ = 0;
};

}  // namespace weft::comm
