#pragma once

#include <algorithm>
#include <chrono>

namespace weft::comm {

/// How a thread that can only poll waits for the next event: it polls without pause for a moment
/// after the last one, then sleeps an eighth of the time that has passed since, up to a longest
/// pause. Without a doorbell a wait therefore ends at most an eighth, or that pause, late, and
/// waiting for long costs one poll per pause.
class Backoff {
 public:
  using Clock = std::chrono::steady_clock;
  using Duration = Clock::duration;

  static constexpr Duration kSpin = std::chrono::microseconds(50);
  /// While a payload is on its way MPI moves its fragments only when it is polled, and does not say
  /// that it did. Payloads travel in messages that are small enough to complete within this time.
  static constexpr Duration kBusySpin = std::chrono::seconds(1);
  static constexpr Duration kShortest = std::chrono::microseconds(10);
  static constexpr Duration kLongest = std::chrono::milliseconds(1);

  /// Longest pause when all other ranks can ring the doorbell instead.
  static constexpr Duration kLongestLocal = std::chrono::milliseconds(10);

  Backoff(Clock::time_point now, Duration longest) : last_event_(now), longest_(longest) {}

  void event(Clock::time_point now) { last_event_ = now; }

  /// How long to sleep before the next poll; zero: poll again at once.
  Duration pause(Clock::time_point now, bool payload_moves) const {
    const Duration idle = now - last_event_;
    if (idle < (payload_moves ? kBusySpin : kSpin)) return Duration::zero();
    return std::clamp(idle / 8, kShortest, longest_);
  }

 private:
  Clock::time_point last_event_;
  Duration longest_;
};

}  // namespace weft::comm
