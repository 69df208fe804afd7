#include "weft/comm/delay_line.hpp"

#include "weft/comm/endpoint.hpp"

namespace weft::comm {

DelayLine::DelayLine(Endpoint& endpoint) : endpoint_(endpoint), thread_([this] { run(); }) {}

DelayLine::~DelayLine() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DelayLine::hold(OutgoingMessage message, Clock::time_point due) {
  {
    const std::lock_guard lock(mutex_);
    held_.emplace(due, std::move(message));
  }
  changed_.notify_all();
}

std::vector<size_t> DelayLine::withdraw(const Batch& batch) {
  std::vector<size_t> items;
  const std::lock_guard lock(mutex_);
  std::erase_if(held_, [&](const auto& entry) {
    if (entry.second.batch != &batch) return false;
    items.push_back(entry.second.item);
    return true;
  });
  return items;
}

void DelayLine::run() {
  std::unique_lock lock(mutex_);
  // What was sent leaves even when the rank has ended: others wait for it. Only a failed world
  // stops early.
  while (!stopping_ || (!held_.empty() && !endpoint_.is_released())) {
    if (held_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = held_.begin();
    if (first->first > Clock::now()) {
      // A copy: the list may change while this waits.
      const auto until = first->first;
      changed_.wait_until(lock, until);
      continue;
    }
    OutgoingMessage message = std::move(first->second);
    held_.erase(first);
    // Under the lock: a message is either here or with the carrier when withdraw looks for it.
    endpoint_.carry(std::move(message));
  }
}

}  // namespace weft::comm
