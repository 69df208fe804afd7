#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace weft::testing {

/// One event of a TensorBoard event file, as far as weft writes them.
struct Event {
  double wall_time = 0.0;
  int64_t step = 0;
  std::string file_version;
  std::string tag;
  float value = 0.0F;  ///< of a point
  std::string text;    ///< of a text
};

/// The events of `path`. Throws std::runtime_error where a length or a checksum is wrong or bytes
/// are left over.
std::vector<Event> read_events(const std::filesystem::path& path);

/// The event files in `directory`, by name.
std::vector<std::filesystem::path> event_files(const std::filesystem::path& directory);

/// The points under `tag`, in the order of the file.
std::vector<Event> points(const std::vector<Event>& events, const std::string& tag);

}  // namespace weft::testing
