#include "weft/device/memory_resource.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "weft/base/error.hpp"

namespace weft {

namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}

void MemoryResource::clear(void* pointer, size_t bytes) { std::memset(pointer, 0, bytes); }

void* HostMemory::allocate(size_t bytes) {
  const size_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* pointer = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (pointer == nullptr) {
    fail_with_hint(ErrorKind::device, "--micro-batch-size, --seq-length or a smaller model",
                   "out of memory: {} bytes were refused", bytes);
  }
  if (alignment == kHugePage) madvise(pointer, rounded, MADV_HUGEPAGE);
  return pointer;
}

void HostMemory::deallocate(void* pointer, size_t /*bytes*/) noexcept { std::free(pointer); }

MemoryResource& host_memory() {
  static HostMemory memory;
  return memory;
}

PlannedMemory::PlannedMemory(size_t bytes, MemoryResource& source)
    : source_(&source), data_(static_cast<std::byte*>(source.allocate(bytes))), size_(bytes) {}

PlannedMemory::~PlannedMemory() { source_->deallocate(data_, size_); }

void* PlannedMemory::allocate(size_t bytes) {
  const size_t end = used_ + aligned_size(bytes);
  check(end <= size_, ErrorKind::internal, "the memory plan of {} bytes is asked for {}", size_,
        end);
  std::byte* piece = data_ + used_;
  used_ = end;
  return piece;
}

void PlannedMemory::deallocate(void* /*pointer*/, size_t /*bytes*/) noexcept {}

Buffer::Buffer(size_t bytes, MemoryResource& resource) : resource_(&resource), size_(bytes) {
  if (bytes == 0) return;
  data_ = static_cast<std::byte*>(resource.allocate(bytes));
  resource.clear(data_, bytes);
}

Buffer::~Buffer() {
  if (data_ != nullptr) resource_->deallocate(data_, size_);
}

Buffer::Buffer(Buffer&& other) noexcept
    : resource_(other.resource_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(resource_, other.resource_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace weft
