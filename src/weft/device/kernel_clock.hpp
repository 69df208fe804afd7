#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

#include "weft/device/stream.hpp"

namespace weft {

/// Time spent in each kind of kernel on a stream that carries the clock (Stream::set_clock).
class KernelClock {
 public:
  struct Entry {
    std::string_view name;  ///< of static storage
    double seconds = 0.0;
    int64_t calls = 0;
  };

  void add(std::string_view name, double seconds);
  void clear() { size_ = 0; }
  /// Kinds in the order of their first call.
  std::span<const Entry> entries() const { return {entries_.data(), size_}; }

 private:
  static constexpr size_t kMostKinds = 64;

  std::array<Entry, kMostKinds> entries_{};
  size_t size_ = 0;
};

/// Times one kernel from construction to destruction when the stream carries a clock. A kernel that
/// calls others is timed as a whole: the inner ones are not. A GPU's stream is waited for before
/// and after: what is timed does not overlap.
class TimedKernel {
 public:
  /// `name` is of static storage.
  TimedKernel(Stream& stream, std::string_view name) : stream_(&stream), name_(name) {
    clock_ = stream.take_clock();
    if (clock_ == nullptr) return;
    stream.synchronize();
    start_ = std::chrono::steady_clock::now();
  }
  ~TimedKernel() {
    if (clock_ == nullptr) return;
    stream_->synchronize();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start_;
    clock_->add(name_, spent.count());
    stream_->set_clock(clock_);
  }
  TimedKernel(const TimedKernel&) = delete;
  TimedKernel& operator=(const TimedKernel&) = delete;

 private:
  Stream* stream_;
  std::string_view name_;
  KernelClock* clock_ = nullptr;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace weft
