#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace weft::checkpoint {

// The tensors of one checkpoint in several safetensors files, named and listed as Hugging Face does
// it: model-00001-of-00002.safetensors, model-00002-of-00002.safetensors and the index
// model.safetensors.index.json, {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}.

/// One file of several that hold tensors together.
struct Shard {
  int rank = 0;   ///< of those that write, from 0
  int count = 1;  ///< ranks that write
};

/// "model-00001-of-00002.safetensors" of the stem "model"; "model.safetensors" of the only shard.
std::string tensor_file_name(const std::string& stem, const Shard& shard = {});
/// "model.safetensors.index.json"
std::string index_file_name(const std::string& stem);

/// The file of each tensor.
using WeightMap = std::map<std::string, std::string>;

/// Writes the index of `count` shards that are complete in `directory`, from their headers. Throws
/// Error{checkpoint} when a file cannot be read or written, Error{internal} when two shards hold
/// the same tensor.
void write_index(const std::filesystem::path& directory, const std::string& stem, int count);

/// The weight map of the index `path`. The file is not trusted: Error{checkpoint} says what is
/// damaged, names that lead out of the directory included.
WeightMap read_index(const std::filesystem::path& path);

}  // namespace weft::checkpoint
