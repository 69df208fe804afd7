#include "weft/comm/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <string>

#include "weft/base/error.hpp"

namespace weft::comm {

namespace {

constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;

size_t rounded_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Gives a part of the file its memory now: what is missing is reported, not a SIGBUS later.
bool reserve(int file, int64_t offset, size_t bytes) {
  int code = 0;
  do {
    code = fallocate(file, 0, offset, static_cast<off_t>(bytes));
  } while (code != 0 && errno == EINTR);
  return code == 0;
}

}  // namespace

SharedMemory::SharedMemory() {
  address_.process = getpid();
  address_.file = memfd_create("weft-links", MFD_CLOEXEC);
  check(address_.file >= 0, ErrorKind::device, "no memory file: {}", std::strerror(errno));
  std::random_device random;
  address_.token = (uint64_t{random()} << 32) + random();
  const ssize_t written =
      pwrite(static_cast<int>(address_.file), &address_.token, sizeof(address_.token), 0);
  if (written != sizeof(address_.token)) {
    close(static_cast<int>(address_.file));
    fail(ErrorKind::device, "a memory file of {} bytes was refused", sizeof(address_.token));
  }
  end_ = kPage;
}

SharedMemory::~SharedMemory() { close(static_cast<int>(address_.file)); }

void* SharedMemory::allocate(size_t bytes) {
  const size_t unit = bytes >= kHugePage ? kHugePage : kPage;
  const size_t rounded = rounded_up(std::max(bytes, size_t{1}), unit);
  const auto file = static_cast<int>(address_.file);
  const std::lock_guard lock(mutex_);
  const auto offset = static_cast<int64_t>(rounded_up(static_cast<size_t>(end_), unit));
  void* memory = MAP_FAILED;
  if (reserve(file, offset, rounded)) {
    memory = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset);
  }
  if (memory == MAP_FAILED) {
    fail_with_hint(ErrorKind::device, "--micro-batch-size, --seq-length or a smaller model",
                   "out of memory: {} bytes that processes share were refused", bytes);
  }
  end_ = offset + static_cast<int64_t>(rounded);
  blocks_[static_cast<const std::byte*>(memory)] = {offset, rounded};
  return memory;
}

void SharedMemory::deallocate(void* pointer, size_t /*bytes*/) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(static_cast<const std::byte*>(pointer));
  if (found == blocks_.end()) return;
  const Block block = found->second;
  munmap(pointer, block.bytes);
  if (!keeps_contents_) {
    fallocate(static_cast<int>(address_.file), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              block.offset, static_cast<off_t>(block.bytes));
  }
  blocks_.erase(found);
}

int64_t SharedMemory::offset_of(const std::byte* pointer) const {
  const std::lock_guard lock(mutex_);
  auto after = blocks_.upper_bound(pointer);
  if (after == blocks_.begin()) return -1;
  const auto& [start, block] = *--after;
  return pointer < start + block.bytes ? block.offset + (pointer - start) : -1;
}

std::unique_ptr<SharedMemoryView> SharedMemoryView::open(const SharedMemoryAddress& address) {
  if (address.file < 0) return nullptr;
  const std::string path =
      "/proc/" + std::to_string(address.process) + "/fd/" + std::to_string(address.file);
  // In another container the path can lead to anything: a pipe must not block, and only the token
  // tells that it is the memory.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return nullptr;
  std::unique_ptr<SharedMemoryView> view(new SharedMemoryView(file));
  uint64_t token = 0;
  const ssize_t bytes = pread(file, &token, sizeof(token), 0);
  return bytes == sizeof(token) && token == address.token ? std::move(view) : nullptr;
}

SharedMemoryView::~SharedMemoryView() {
  if (memory_ != nullptr) munmap(memory_, mapped_bytes_);
  close(file_);
}

const std::byte* SharedMemoryView::at(int64_t offset, int64_t bytes) {
  const auto end = static_cast<size_t>(offset + bytes);
  if (end > mapped_bytes_) {
    struct stat status {};
    if (fstat(file_, &status) != 0 || static_cast<size_t>(status.st_size) < end) return nullptr;
    const auto size = static_cast<size_t>(status.st_size);
    // Growing a mapping keeps the pages that it has.
    void* memory = memory_ == nullptr ? mmap(nullptr, size, PROT_READ, MAP_SHARED, file_, 0)
                                      : mremap(memory_, mapped_bytes_, size, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) return nullptr;
    memory_ = memory;
    mapped_bytes_ = size;
  }
  return static_cast<const std::byte*>(memory_) + offset;
}

}  // namespace weft::comm
