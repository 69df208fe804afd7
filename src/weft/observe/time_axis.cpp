#include "weft/observe/time_axis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weft::observe {

using schedule::CommitLog;

namespace {

/// The least of 1, 2 and 5 times a power of ten that is not below `least`.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-12)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

TimeAxis make_time_axis(double end, const std::string& unit, int64_t most_ticks) {
  TimeAxis axis{{{0, "0"}}, unit, 1};
  if (unit == "us" && end >= 1e7) {
    axis = {axis.ticks, "s", 1e6};
  } else if (unit == "us" && end >= 1e4) {
    axis = {axis.ticks, "ms", 1e3};
  }
  const double last = end / axis.unit_length;
  const double step = round_step(last / static_cast<double>(std::max<int64_t>(1, most_ticks - 1)));
  for (int64_t i = 1; i < most_ticks; ++i) {
    const double value = static_cast<double>(i) * step;
    if (!(value <= last * (1 + 1e-12)) || !(value > 0)) break;
    axis.ticks.push_back({std::min(value * axis.unit_length, end), fmt::format("{:.10g}", value)});
  }
  return axis;
}

TimeAxis make_time_axis(const CommitLog& log, int64_t most_ticks) {
  return make_time_axis(log.makespan(), log.time_unit, most_ticks);
}

}  // namespace weft::observe
