#pragma once

#include <filesystem>
#include <string>

namespace weft::testing {

/// A fresh directory that is removed with everything in it at the end of its scope.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Writes `text` to `path` (creating it) and returns the path.
std::filesystem::path write_file(const std::filesystem::path& path, const std::string& text);

/// Whole content of `path`; throws std::runtime_error when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// What a child process did.
struct CommandResult {
  int exit_code = 0;
  std::string out;  ///< standard output
  std::string err;  ///< standard error
};

/// Runs `command` with /bin/sh, waits for it and returns what it wrote.
CommandResult run_command(const std::string& command);

}  // namespace weft::testing
