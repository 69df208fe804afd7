#include "weft/checkpoint/tensor_files.hpp"

#include <system_error>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::checkpoint {
namespace fs = std::filesystem;

namespace {

/// What is out of reach may be there.
bool is_missing(const fs::path& path) {
  std::error_code unreachable;
  return !fs::exists(path, unreachable) && !unreachable;
}

}  // namespace

bool TensorFiles::are_missing(const fs::path& directory, const std::string& stem) {
  return is_missing(directory / tensor_file_name(stem)) &&
         is_missing(directory / index_file_name(stem));
}

TensorFiles::TensorFiles(const fs::path& directory, const std::string& stem) {
  const std::string single = tensor_file_name(stem);
  const fs::path index = directory / index_file_name(stem);
  if (is_missing(directory / single) && !is_missing(index)) {
    path_ = index;
    places_ = read_index(path_);
    return;
  }
  path_ = directory / single;
  const SafetensorsFile& file = files_.try_emplace(single, path_).first->second;
  for (const auto& [tensor, entry] : file.tensors()) places_.emplace(tensor, single);
}

void TensorFiles::expect(const std::string& name, const ConstTensorView& like,
                         const std::string& hint) {
  if (!places_.contains(name)) {
    fail_with_hint(ErrorKind::checkpoint, hint, "{} has no tensor {}; expected one of shape {}",
                   path_.string(), name, to_string(like.shape()));
  }
  const SafetensorsFile& file = file_of(name);
  check(file.tensors().contains(name), ErrorKind::checkpoint,
        "{} has no tensor {}, which {} puts there", file.path().string(), name, path_.string());
  file.expect(name, like, hint);
}

void TensorFiles::read(const std::string& name, TensorView target, const Stream& stream) {
  expect(name, target, {});
  file_of(name).read(name, target, stream);
}

const SafetensorsFile& TensorFiles::file_of(const std::string& tensor) {
  const std::string& name = places_.at(tensor);
  if (const auto opened = files_.find(name); opened != files_.end()) return opened->second;
  try {
    const SafetensorsFile& shard =
        files_.try_emplace(name, path_.parent_path() / name).first->second;
    check_shard(name, shard);
    return shard;
  } catch (const Error& error) {
    throw Error(error.kind(),
                fmt::format("{} ({} puts tensor {} there)", error.what(), path_.string(), tensor),
                error.hint());
  }
}

/// An index and shards of two checkpoints must not pass for one.
void TensorFiles::check_shard(const std::string& name, const SafetensorsFile& shard) const {
  for (const auto& [tensor, entry] : shard.tensors()) {
    const auto place = places_.find(tensor);
    check(place != places_.end() && place->second == name, ErrorKind::checkpoint,
          "{} has tensor {}, which {} puts {}", shard.path().string(), tensor, path_.string(),
          place == places_.end() ? "nowhere" : "in " + place->second);
  }
}

}  // namespace weft::checkpoint
