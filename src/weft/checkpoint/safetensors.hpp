#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "weft/base/files.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::checkpoint {

// The safetensors container: the header's length as 8 little-endian bytes, a JSON object
// {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ..., "__metadata__": {...}}, then the
// tensors' bytes without gaps. Offsets count from the end of the header.

/// A tensor and the name it is stored under.
struct NamedTensor {
  std::string name;
  ConstTensorView value;
};

/// Free text that travels with the tensors.
using Metadata = std::map<std::string, std::string>;

/// Writes `tensors` in their order to `path`, which appears only when it is complete. Throws
/// Error{checkpoint} when the file cannot be written. The tensors are in the memory of the device
/// of `stream`.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata, const Stream& stream = Stream());

/// One tensor of a file.
struct TensorEntry {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  ///< in the mapped file; not aligned
};

/// A safetensors file mapped into memory. The file is not trusted: lengths, offsets, types and
/// shapes are checked against each other and against the file's size when it is opened, and
/// Error{checkpoint} names what does not fit.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  const Metadata& metadata() const { return metadata_; }
  const std::map<std::string, TensorEntry>& tensors() const { return tensors_; }

  /// Throws Error{checkpoint} with `hint` unless the file holds tensor `name` with the element type
  /// and the shape of `like`.
  void expect(const std::string& name, const ConstTensorView& like, const std::string& hint) const;
  /// Copies tensor `name` to `target`, which must have its type and shape (Error{checkpoint}) and
  /// is in the memory of the device of `stream`.
  void read(const std::string& name, TensorView target, const Stream& stream = Stream()) const;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  Metadata metadata_;
  std::map<std::string, TensorEntry> tensors_;
};

}  // namespace weft::checkpoint
