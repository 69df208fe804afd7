#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/comm/rank_context.hpp"

namespace weft::app {

/// A hand-off of `bytes` between ranks 0 and 1, and memcpy of as many bytes in the same run.
struct HandOff {
  int64_t bytes = 0;
  double latency_us = 0.0;   ///< one way, half of a round trip; median
  double stream_gb_s = 0.0;  ///< several in flight in one direction; median of batches
  double memcpy_gb_s = 0.0;  ///< of as many bytes; median
  double of_memcpy = 0.0;    ///< median of the ratios of a batch and the copies right after it
};

struct CollectiveTime {
  std::string name;
  int64_t bytes = 0;  ///< of the whole operand
  double median_us = 0.0;
};

struct WakeUp {
  double waited_ms = 0.0;
  double median_us = 0.0;  ///< from the send on rank 0 to the return of the wait on rank 1
};

/// What rank 0 reports; other ranks' fields are not filled.
struct LinkMeasurements {
  std::vector<HandOff> hand_offs;
  std::vector<CollectiveTime> collectives;
  std::vector<WakeUp> wake_ups;
  double waiting_cpu_percent = 0.0;  ///< of one core, of a process whose rank waits
};

/// Measures links and collectives of a world of at least two ranks; every rank calls it. `rounds`
/// scales the number of repetitions.
LinkMeasurements measure_links(comm::RankContext& context, int rounds);

}  // namespace weft::app
