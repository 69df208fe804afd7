#pragma once

#include <filesystem>

namespace weft::checkpoint {

/// A directory that appears under its final name only when it is complete: it is filled under a
/// temporary name beside it, `commit` renames it, and without commit it is removed with its files.
class StagedDirectory {
 public:
  /// Creates the temporary directory and the parents of `path`. Throws Error{checkpoint} when that
  /// fails.
  explicit StagedDirectory(std::filesystem::path path);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;

  /// Where to put the files.
  const std::filesystem::path& path() const { return temporary_; }

  /// Gives the directory its final name, in place of one that is already there. Throws
  /// Error{checkpoint} when that fails; what was there is then there still.
  void commit();

 private:
  bool replace_existing() const;

  std::filesystem::path final_;
  std::filesystem::path temporary_;
};

}  // namespace weft::checkpoint
