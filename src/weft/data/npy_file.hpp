#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weft/base/files.hpp"

namespace weft::data {

/// Writes a little-endian array as NumPy's .npy, version 1, atomically. `descr` is numpy's type
/// string, for example "<i4". Throws Error{data}.
void write_npy(const std::filesystem::path& path, std::string_view descr,
               const std::vector<int64_t>& shape, std::span<const std::byte> bytes);

/// A .npy file mapped into memory.
class NpyFile {
 public:
  /// Throws Error{data} when the file is not a C-ordered .npy array of type `descr` with the right
  /// number of bytes.
  NpyFile(const std::filesystem::path& path, std::string_view descr);

  const std::vector<int64_t>& shape() const { return shape_; }
  /// The elements; the array of a .npy file is aligned to 64 bytes.
  template <typename T>
  std::span<const T> values() const {
    return {reinterpret_cast<const T*>(data_.data()), data_.size() / sizeof(T)};
  }

 private:
  MappedFile file_;
  std::vector<int64_t> shape_;
  std::span<const std::byte> data_;
};

}  // namespace weft::data
