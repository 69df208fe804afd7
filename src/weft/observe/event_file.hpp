#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace weft::observe {

/// The time of day, seconds since 1970.
using WallClock = std::function<double()>;
double system_seconds();

/// One event file of TensorBoard (--tensorboard-dir): curves and texts in the order in which they
/// are added. Events wait in a queue; they are written when it is full, with the first event two
/// minutes after the last write, on flush, and at the end.
class EventFile {
 public:
  /// Makes `directory` if it is missing, and a new file in it under the name that TensorBoard
  /// looks for. Throws Error{usage} when they cannot be made.
  EventFile(const std::filesystem::path& directory, int64_t queue_size,
            WallClock now = system_seconds);
  /// Writes what waits, as far as that is possible.
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  /// Each adds one event; throws as flush does where it writes.
  void add_scalar(std::string_view tag, double value, int64_t step);
  void add_text(std::string_view tag, std::string_view text, int64_t step);
  /// Throws Error{data} when the events cannot be written, on a full disk for example.
  void flush();

  const std::filesystem::path& path() const { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void add(std::string_view event, double now);
  bool write_queue();

  WallClock now_;
  int64_t queue_size_;
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string queue_;
  int64_t queued_ = 0;
  double written_at_ = 0.0;
};

}  // namespace weft::observe
