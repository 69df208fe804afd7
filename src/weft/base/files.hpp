#pragma once

#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "weft/base/error.hpp"

namespace weft {

/// A whole file mapped read-only into memory; empty files map to an empty span. Move-only.
class MappedFile {
 public:
  MappedFile() = default;
  /// Maps `path`. Throws Error{kind} naming the path and the system's reason.
  MappedFile(const std::filesystem::path& path, ErrorKind kind);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// A file that appears under its final name only when it is complete: writes go to a temporary name
/// in the same directory, `commit` flushes and renames, and without commit the temporary file is
/// removed. Every failed write (a full disk, for example) throws Error{kind} naming the final path.
class AtomicFile {
 public:
  AtomicFile(std::filesystem::path path, ErrorKind kind);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Brings everything written so far to the disk; what a full disk refuses shows here at the
  /// latest.
  void flush();
  /// Flushes to disk and gives the file its final name.
  void commit();

  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail_with_errno(const char* action) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  ErrorKind kind_;
  std::FILE* file_ = nullptr;
};

/// The whole file as text. Throws Error{kind} naming the path.
std::string read_text_file(const std::filesystem::path& path, ErrorKind kind);

}  // namespace weft
