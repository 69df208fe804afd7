#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "weft/checkpoint/safetensors.hpp"
#include "weft/checkpoint/shard_index.hpp"

namespace weft::checkpoint {

/// The tensors saved under one stem, "model" or "optimizer", whatever the number of ranks that
/// wrote them: in one safetensors file or, where there is none, in the shards of an index. A shard
/// is opened, and checked, when the first of its tensors is asked for.
class TensorFiles {
 public:
  /// Whether `directory` surely holds neither file nor index; false when it is out of reach.
  static bool are_missing(const std::filesystem::path& directory, const std::string& stem);

  /// Throws Error{checkpoint} when there is neither file nor index or what is there is damaged.
  TensorFiles(const std::filesystem::path& directory, const std::string& stem);

  /// The file or the index.
  const std::filesystem::path& path() const { return path_; }
  /// Every tensor with the name of its file, by name.
  const WeightMap& places() const { return places_; }

  /// Throws Error{checkpoint} with `hint` unless there is a tensor `name` with the element type and
  /// the shape of `like`; without hint, naming file and tensor, when its file is missing, damaged
  /// or not what the index says.
  void expect(const std::string& name, const ConstTensorView& like, const std::string& hint);
  /// Copies tensor `name` to `target`, for which expect must hold (Error{checkpoint}) and which is
  /// in the memory of the device of `stream`.
  void read(const std::string& name, TensorView target, const Stream& stream);

 private:
  const SafetensorsFile& file_of(const std::string& tensor);
  void check_shard(const std::string& name, const SafetensorsFile& shard) const;

  std::filesystem::path path_;
  WeightMap places_;
  std::map<std::string, SafetensorsFile> files_;  ///< those that are open, by name
};

}  // namespace weft::checkpoint
