#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/comm/message.hpp"

namespace weft::comm {

/// One fault that is injected on purpose. Which fields count depends on the kind.
struct Fault {
  enum class Kind : uint8_t {
    delay,      ///< every message of `rank` leaves `milliseconds` late
    jitter,     ///< as delay, exponentially distributed with that mean; repeatable by `seed`
    slow_link,  ///< messages from `rank` to `to` take bytes / `megabits_per_s`, one after the other
    drop,       ///< message number `number` of `rank` is lost
    exception,  ///< `rank` throws when it starts its operation `number`
    stop,       ///< the process of `rank` stops itself (SIGSTOP) there
  };

  Kind kind = Kind::delay;
  int rank = -1;                       ///< -1: every rank
  int to = -1;                         ///< -1: every rank
  std::optional<Operation> operation;  ///< none: every operation
  bool collectives = false;            ///< only what is neither link nor leader log
  double milliseconds = 0.0;
  double megabits_per_s = 0.0;
  int64_t number = 0;  ///< counted from 1
  uint64_t seed = 0;
};

/// Reads `--inject` SPEC: faults separated by `;`, each `KIND:key=value,...`. Throws Error{usage}
/// with what is wrong and an example.
///
///   delay:[rank=R,][to=R,][op=OP,]ms=X        jitter:[rank=R,][to=R,][op=OP,][seed=N,]ms=X
///   slow-link:[from=R,][to=R,]mbps=X          drop:rank=R,message=N
///   throw:rank=R,op=N                         stop:rank=R,op=N
///
/// OP is link, collective or an operation's name (all_reduce, ...).
std::vector<Fault> parse_faults(std::string_view spec);

/// Applies faults to one rank. Safe to call from several threads.
class FaultInjector {
 public:
  using Clock = std::chrono::steady_clock;

  FaultInjector(const std::vector<Fault>& faults, int rank);

  bool empty() const { return faults_.empty(); }

  /// Called when the rank starts an operation; throws Error{communication} or stops the process.
  void start_operation();

  /// What becomes of a message.
  struct Fate {
    bool dropped = false;
    std::optional<Clock::time_point> due;  ///< when it may leave; none: at once
  };
  Fate send(const MessageHeader& header, int to);

 private:
  struct State {
    Fault fault;
    uint64_t draws = 0;
    Clock::time_point link_free{};
  };

  std::mutex mutex_;
  std::vector<State> faults_;
  int rank_;
  int64_t operations_ = 0;
  int64_t messages_ = 0;
};

}  // namespace weft::comm
