#include "weft/observe/timers.hpp"

#include <chrono>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::observe {

Timers::Timers(std::function<double()> now_ms) : now_ms_(std::move(now_ms)) {}

double Timers::steady_clock_ms() {
  const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(since_start).count();
}

void Timers::start(std::string_view name) {
  auto found = timers_.find(name);
  if (found == timers_.end()) {
    found = timers_.emplace(name, Timer{}).first;
    names_.emplace_back(name);
  }
  Timer& timer = found->second;
  check(!timer.running, ErrorKind::internal, "timer {} has already been started", name);
  timer.running = true;
  timer.started_ms = now_ms_();
}

void Timers::stop(std::string_view name) {
  const auto found = timers_.find(name);
  check(found != timers_.end() && found->second.running, ErrorKind::internal,
        "timer {} is not started", name);
  Timer& timer = found->second;
  timer.total_ms += now_ms_() - timer.started_ms;
  timer.running = false;
}

double Timers::elapsed_ms(std::string_view name) const {
  const auto found = timers_.find(name);
  if (found == timers_.end()) return 0.0;
  const Timer& timer = found->second;
  return timer.total_ms + (timer.running ? now_ms_() - timer.started_ms : 0.0);
}

double Timers::take_ms(std::string_view name) {
  const auto found = timers_.find(name);
  if (found == timers_.end()) return 0.0;
  Timer& timer = found->second;
  const double now = now_ms_();
  const double elapsed = timer.total_ms + (timer.running ? now - timer.started_ms : 0.0);
  timer.total_ms = 0.0;
  timer.started_ms = now;
  return elapsed;
}

}  // namespace weft::observe
