#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/schedule/commit_log.hpp"

namespace weft::observe {

/// One mark of a time axis.
struct Tick {
  double time = 0;    ///< in the unit of the log
  std::string label;  ///< in the unit of the axis
};

/// Round times from 0 to the end of a step, in a unit that keeps their labels short: a log in us
/// that lasts 10 ms or more is labelled in ms or s.
struct TimeAxis {
  std::vector<Tick> ticks;
  std::string unit;        ///< of the labels
  double unit_length = 1;  ///< one unit of the labels in units of the log
};

/// The axis from 0 to `end`, in units called `unit`, with at most `most_ticks` ticks (at least 2).
TimeAxis make_time_axis(double end, const std::string& unit, int64_t most_ticks);

/// The axis of the whole log.
TimeAxis make_time_axis(const schedule::CommitLog& log, int64_t most_ticks);

}  // namespace weft::observe
