#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace weft::kernels {

/// ${XDG_CACHE_HOME:-$HOME/.cache}/weft; empty, which keeps nothing, where neither is set.
std::filesystem::path user_cache_directory();

/// What earlier runs found out about a GPU, as files of a directory: a text for each key, the line
/// of everything that it depends on. A file that cannot be read, is damaged or cannot be written is
/// as good as none.
class KeptPlans {
 public:
  /// Keeps nothing.
  KeptPlans() = default;
  /// Files are called `kind`-HASH.plan. An empty directory keeps nothing.
  KeptPlans(std::filesystem::path directory, std::string kind);

  bool keeps() const { return !directory_.empty(); }
  std::optional<std::string> load(const std::string& key) const;
  /// The file appears whole or not at all; ranks may save one key at once.
  void save(const std::string& key, const std::string& text) const;

 private:
  std::filesystem::path path_of(const std::string& key) const;

  std::filesystem::path directory_;
  std::string kind_;
};

}  // namespace weft::kernels
