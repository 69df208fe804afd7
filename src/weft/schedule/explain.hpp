#pragma once

#include <cstdint>
#include <vector>

#include "weft/schedule/commit_log.hpp"

namespace weft::schedule {

/// Why a task of the critical path started when it did.
enum class StartReason : uint8_t {
  step,     ///< the step began
  rank,     ///< the task before it on its rank had just ended
  message,  ///< its input from another rank had just arrived
  local,    ///< its input from its own rank was just made
  idle,     ///< nothing that the log knows of: the rank could have started it earlier
};

struct CriticalTask {
  int64_t rank = 0;
  CommitEntry entry;
  StartReason reason = StartReason::step;
  /// Time between the end of the task before it on the path and its start: a message's latency, or
  /// idle time.
  double wait = 0;
};

/// Where the time of a recorded step went. The parts come from running the recorded order again
/// with one cause after the other removed, so that
///
///   makespan = work + warmup + memory + latency + jitter + overhead
///
/// A part is negative when its cause happened to help (list scheduling has such anomalies).
struct Explanation {
  double makespan = 0;
  double bound = 0;     ///< lower bound for the measured durations and latencies
  double work = 0;      ///< largest mean work of a rank: what a step without any loss takes
  double warmup = 0;    ///< filling and draining the pipeline: the best dispatch found, no limits
  double memory = 0;    ///< the recorded order against that one: what its memory costs
  double latency = 0;   ///< messages that take time
  double jitter = 0;    ///< durations and latencies that differ between microbatches
  double overhead = 0;  ///< time between tasks that no dependency accounts for

  std::vector<CriticalTask> critical_path;  ///< in order of time

  /// makespan / bound - 1
  double gap() const { return bound > 0 ? makespan / bound - 1 : 0; }
};

/// How well the ranks were used in a recorded step.
struct Efficiency {
  double makespan = 0;
  double bubble = 0;  ///< 1 - mean work of a rank / makespan
  double bound = 0;   ///< lower bound for the measured durations, without latencies; <= makespan

  /// makespan / bound - 1
  double gap() const { return bound > 0 ? makespan / bound - 1 : 0; }
};

/// The figures of a complete step; cheaper than explaining it.
Efficiency efficiency(const CommitLog& log);

/// Explains a complete step. Throws Error{data} when the log's order could not have run.
Explanation explain(const CommitLog& log);

}  // namespace weft::schedule
