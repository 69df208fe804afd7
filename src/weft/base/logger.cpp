#include "weft/base/logger.hpp"

#include <cstdio>

namespace weft {

namespace {

void write_line(std::FILE* file, std::string_view prefix, std::string_view line) {
  std::string text;
  text.reserve(prefix.size() + line.size() + 1);
  text.append(prefix).append(line).push_back('\n');
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

}  // namespace

void ConsoleLogger::result(std::string_view line) {
  const std::lock_guard lock(mutex_);
  write_line(stdout, "", line);
}

void ConsoleLogger::info(std::string_view line) {
  if (quiet_) return;
  const std::lock_guard lock(mutex_);
  write_line(stderr, "", line);
}

void ConsoleLogger::warn(std::string_view line) {
  const std::lock_guard lock(mutex_);
  write_line(stderr, "warning: ", line);
}

void RecordingLogger::result(std::string_view line) {
  const std::lock_guard lock(mutex_);
  results.emplace_back(line);
}

void RecordingLogger::info(std::string_view line) {
  const std::lock_guard lock(mutex_);
  infos.emplace_back(line);
}

void RecordingLogger::warn(std::string_view line) {
  const std::lock_guard lock(mutex_);
  warnings.emplace_back(line);
}

}  // namespace weft
