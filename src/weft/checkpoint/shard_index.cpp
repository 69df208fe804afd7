#include "weft/checkpoint/shard_index.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/checkpoint/safetensors.hpp"

namespace weft::checkpoint {
namespace fs = std::filesystem;

namespace {

using nlohmann::json;

constexpr const char* kWeightMap = "weight_map";

/// Whether `name` is that of a file in the index's own directory.
bool is_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string("/\0", 2)) == std::string::npos;
}

}  // namespace

std::string tensor_file_name(const std::string& stem, const Shard& shard) {
  if (shard.count == 1) return stem + ".safetensors";
  return fmt::format("{}-{:05d}-of-{:05d}.safetensors", stem, shard.rank + 1, shard.count);
}

std::string index_file_name(const std::string& stem) { return stem + ".safetensors.index.json"; }

void write_index(const fs::path& directory, const std::string& stem, int count) {
  WeightMap places;
  uint64_t total_bytes = 0;
  for (int rank = 0; rank < count; ++rank) {
    const std::string name = tensor_file_name(stem, {rank, count});
    const SafetensorsFile file(directory / name);
    for (const auto& [tensor, entry] : file.tensors()) {
      const auto [place, is_new] = places.emplace(tensor, name);
      check(is_new, ErrorKind::internal, "{} and {} both hold tensor {}", place->second, name,
            tensor);
      total_bytes += entry.bytes.size();
    }
  }
  // Objects of this type keep their keys sorted.
  const json index = {{"metadata", {{"total_size", total_bytes}}}, {kWeightMap, json(places)}};
  AtomicFile file(directory / index_file_name(stem), ErrorKind::checkpoint);
  file.write(index.dump(2) + "\n");
  file.commit();
}

WeightMap read_index(const fs::path& path) {
  const std::string text = read_text_file(path, ErrorKind::checkpoint);
  const json index = json::parse(text, nullptr, /*allow_exceptions=*/false);
  check(index.is_object() && index.contains(kWeightMap) && index.at(kWeightMap).is_object(),
        ErrorKind::checkpoint, "{} has no object as \"{}\" (the file is damaged or no index)",
        path.string(), kWeightMap);
  WeightMap places;
  for (const auto& [tensor, file] : index.at(kWeightMap).items()) {
    check(file.is_string() && is_file_name(file.get<std::string>()), ErrorKind::checkpoint,
          "{} puts tensor {} in {}; expected the name of a file beside it", path.string(), tensor,
          file.dump());
    places.emplace(tensor, file.get<std::string>());
  }
  return places;
}

}  // namespace weft::checkpoint
