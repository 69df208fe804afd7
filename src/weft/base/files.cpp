#include "weft/base/files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace weft {

MappedFile::MappedFile(const std::filesystem::path& path, ErrorKind kind) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  check(fd >= 0, kind, "cannot open {} ({})", path.string(), std::strerror(errno));
  struct stat info {};
  const bool readable = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  if (!readable) {
    close(fd);
    fail(kind, "{} is not a regular file", path.string());
  }
  size_ = static_cast<size_t>(info.st_size);
  void* mapped = size_ == 0 ? nullptr : mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
  const int map_error = errno;
  close(fd);
  check(mapped != MAP_FAILED, kind, "cannot map {} ({})", path.string(), std::strerror(map_error));
  data_ = static_cast<const std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AtomicFile::AtomicFile(std::filesystem::path path, ErrorKind kind)
    : path_(std::move(path)),
      temporary_(path_.string() + fmt::format(".tmp-{}", getpid())),
      kind_(kind) {
  file_ = std::fopen(temporary_.c_str(), "wbe");
  if (file_ == nullptr) fail_with_errno("create");
}

AtomicFile::~AtomicFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  unlink(temporary_.c_str());
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      kind_(other.kind_),
      file_(std::exchange(other.file_, nullptr)) {}

void AtomicFile::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail_with_errno("write");
}

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::flush() {
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) fail_with_errno("write");
}

void AtomicFile::commit() {
  flush();
  std::FILE* file = std::exchange(file_, nullptr);
  if (std::fclose(file) != 0 || std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    unlink(temporary_.c_str());
    errno = error;
    fail_with_errno("write");
  }
}

void AtomicFile::fail_with_errno(const char* action) const {
  fail(kind_, "cannot {} {} ({})", action, path_.string(), std::strerror(errno));
}

std::string read_text_file(const std::filesystem::path& path, ErrorKind kind) {
  return std::string(MappedFile(path, kind).text());
}

}  // namespace weft
