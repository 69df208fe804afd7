#include "weft/observe/event_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/observe/event_record.hpp"

namespace weft::observe {

namespace {

constexpr double kLongestWait = 120.0;  // seconds, as in PyTorch's SummaryWriter

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

}  // namespace

double system_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

EventFile::EventFile(const std::filesystem::path& directory, int64_t queue_size, WallClock now)
    : now_(std::move(now)), queue_size_(queue_size), written_at_(now_()) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  check(!error, ErrorKind::usage, "cannot make the directory {} of --tensorboard-dir ({})",
        directory.string(), error.message());
  const std::string name = fmt::format("events.out.tfevents.{:010}.{}.{}",
                                       static_cast<int64_t>(written_at_), host_name(), getpid());
  // One process may open several files within a second: the last number tells them apart.
  for (int number = 0; file_ == nullptr; ++number) {
    path_ = directory / fmt::format("{}.{}", name, number);
    file_.reset(std::fopen(path_.c_str(), "wbxe"));
    check(file_ != nullptr || errno == EEXIST, ErrorKind::usage,
          "cannot write a file in --tensorboard-dir {} ({})", directory.string(),
          std::strerror(errno));
  }
  add(version_event(written_at_), written_at_);
  flush();
}

EventFile::~EventFile() { write_queue(); }

void EventFile::add_scalar(std::string_view tag, double value, int64_t step) {
  const double now = now_();
  add(scalar_event(now, step, tag, static_cast<float>(value)), now);
}

void EventFile::add_text(std::string_view tag, std::string_view text, int64_t step) {
  const double now = now_();
  add(text_event(now, step, tag, text), now);
}

void EventFile::add(std::string_view event, double now) {
  queue_ += framed(event);
  ++queued_;
  if (queued_ < queue_size_ && now - written_at_ < kLongestWait) return;
  flush();
}

void EventFile::flush() {
  check(write_queue(), ErrorKind::data, "cannot write {} of --tensorboard-dir ({})", path_.string(),
        std::strerror(errno));
  written_at_ = now_();
}

bool EventFile::write_queue() {
  const bool written = std::fwrite(queue_.data(), 1, queue_.size(), file_.get()) == queue_.size() &&
                       std::fflush(file_.get()) == 0;
  queue_.clear();
  queued_ = 0;
  return written;
}

}  // namespace weft::observe
