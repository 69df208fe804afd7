#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "weft/comm/mailbox.hpp"

namespace weft::comm {

/// Holds messages back until they are due, for injected delays. Its thread hands them on.
class DelayLine {
 public:
  using Clock = std::chrono::steady_clock;

  explicit DelayLine(Endpoint& endpoint);
  ~DelayLine();
  DelayLine(const DelayLine&) = delete;
  DelayLine& operator=(const DelayLine&) = delete;

  void hold(OutgoingMessage message, Clock::time_point due);
  /// Removes the messages of `batch` and returns their items; none of them is on its way after.
  std::vector<size_t> withdraw(const Batch& batch);

 private:
  void run();

  Endpoint& endpoint_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, OutgoingMessage> held_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weft::comm
