#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace weft {

/// Where human-readable text goes. Every call writes one whole line, so lines of several ranks
/// never mix. Results go to `result` (stdout), progress and diagnostics to the others (stderr).
class Logger {
 public:
  virtual ~Logger() = default;

  /// A line of output that the user asked for (stdout).
  virtual void result(std::string_view line) = 0;
  /// Progress or information (stderr).
  virtual void info(std::string_view line) = 0;
  /// Something the user should know (stderr, prefixed "warning: ").
  virtual void warn(std::string_view line) = 0;
};

/// Logger of the program: stdout and stderr. `quiet` drops info.
class ConsoleLogger final : public Logger {
 public:
  explicit ConsoleLogger(bool quiet = false) : quiet_(quiet) {}
  void result(std::string_view line) override;
  void info(std::string_view line) override;
  void warn(std::string_view line) override;

 private:
  bool quiet_;
  std::mutex mutex_;
};

/// Drops every line: the logger of ranks that others speak for.
class SilentLogger final : public Logger {
 public:
  void result(std::string_view /*line*/) override {}
  void info(std::string_view /*line*/) override {}
  void warn(std::string_view /*line*/) override {}
};

/// Logger of tests: keeps every line.
class RecordingLogger final : public Logger {
 public:
  void result(std::string_view line) override;
  void info(std::string_view line) override;
  void warn(std::string_view line) override;

  std::vector<std::string> results;
  std::vector<std::string> infos;
  std::vector<std::string> warnings;

 private:
  std::mutex mutex_;
};

}  // namespace weft
