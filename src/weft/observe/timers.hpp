#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weft::observe {

/// Megatron's names of the timers of a run (reference/megatron.md 8.1, 8.3, 8.4).
namespace timer_name {
inline constexpr std::string_view kModelAndOptimizerSetup = "model-and-optimizer-setup";
inline constexpr std::string_view kDataIteratorsSetup = "train/valid/test-data-iterators-setup";
inline constexpr std::string_view kIntervalTime = "interval-time";
inline constexpr std::string_view kForwardBackward = "forward-backward";
inline constexpr std::string_view kBatchGenerator = "batch-generator";
inline constexpr std::string_view kOptimizer = "optimizer";
inline constexpr std::string_view kEvaluate = "evaluate";
inline constexpr std::string_view kSaveCheckpoint = "save-checkpoint";
inline constexpr std::string_view kLoadCheckpoint = "load-checkpoint";
}  // namespace timer_name

/// Stop watches of one rank, by name. A timer exists from its first start.
class Timers {
 public:
  /// `now_ms` is the clock in milliseconds; the default never runs backwards.
  explicit Timers(std::function<double()> now_ms = steady_clock_ms);

  /// Starts the timer; its earlier time stays. Throws Error{internal} when it is running.
  void start(std::string_view name);
  /// Stops the timer. Throws Error{internal} unless it is running.
  void stop(std::string_view name);
  /// Milliseconds that the timer has run since it was made or last taken, a running stretch
  /// included; 0 for a timer that never started.
  double elapsed_ms(std::string_view name) const;
  /// As elapsed_ms, and the timer counts from zero again; it goes on running if it was.
  double take_ms(std::string_view name);
  /// Names of all timers in the order of their first start.
  const std::vector<std::string>& names() const { return names_; }

  static double steady_clock_ms();

 private:
  struct Timer {
    double total_ms = 0.0;
    double started_ms = 0.0;
    bool running = false;
  };

  std::function<double()> now_ms_;
  std::map<std::string, Timer, std::less<>> timers_;
  std::vector<std::string> names_;
};

/// Runs a timer for the length of a scope.
class TimerScope {
 public:
  TimerScope(Timers& timers, std::string_view name) : timers_(timers), name_(name) {
    timers_.start(name_);
  }
  ~TimerScope() { timers_.stop(name_); }
  TimerScope(const TimerScope&) = delete;
  TimerScope& operator=(const TimerScope&) = delete;

 private:
  Timers& timers_;
  std::string_view name_;
};

}  // namespace weft::observe
