#include "weft/observe/time_axis.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::observe {

using schedule::CommitLog;
using schedule::TaskKind;

namespace {

CommitLog log_until(double end, const std::string& unit) {
  return {{}, 1, unit, {{{{TaskKind::forward, 0, 0}, 0, 0, end}}}};
}

std::vector<std::string> labels(const TimeAxis& axis) {
  std::vector<std::string> labels;
  for (const Tick& tick : axis.ticks) labels.push_back(tick.label);
  return labels;
}

TEST(TimeAxis, TakesRoundStepsUpToTheEnd) {
  using Labels = std::vector<std::string>;
  EXPECT_EQ(labels(make_time_axis(log_until(33, "units"), 8)),
            (Labels{"0", "5", "10", "15", "20", "25", "30"}));
  EXPECT_EQ(labels(make_time_axis(log_until(30, "units"), 4)), (Labels{"0", "10", "20", "30"}));
  EXPECT_EQ(labels(make_time_axis(log_until(105, "units"), 2)), (Labels{"0"}));
  EXPECT_EQ(labels(make_time_axis(log_until(0.31, "units"), 4)), (Labels{"0", "0.2"}));
  EXPECT_EQ(labels(make_time_axis(log_until(0.3, "units"), 4)), (Labels{"0", "0.1", "0.2", "0.3"}));
}

TEST(TimeAxis, LabelsLongRunsInLargerUnits) {
  const TimeAxis us = make_time_axis(log_until(9999, "us"), 3);
  EXPECT_EQ(us.unit, "us");
  EXPECT_EQ(us.ticks.back().label, "5000");
  const TimeAxis ms = make_time_axis(log_until(25000, "us"), 3);
  EXPECT_EQ(ms.unit, "ms");
  EXPECT_EQ(ms.unit_length, 1000);
  EXPECT_EQ(ms.ticks.back().label, "20");
  EXPECT_EQ(ms.ticks.back().time, 20000);
  EXPECT_EQ(make_time_axis(log_until(3e7, "us"), 3).unit, "s");
  EXPECT_EQ(make_time_axis(log_until(3e7, "units"), 3).unit, "units");
}

TEST(TimeAxis, StaysFiniteAtTheEdges) {
  for (const double end : {0.0, 5e-324, 1e-300, 1e300, 1.7e308}) {
    const TimeAxis axis = make_time_axis(log_until(end, "units"), 10);
    EXPECT_GE(axis.ticks.size(), 1U) << end;
    EXPECT_LE(axis.ticks.size(), 10U) << end;
    for (const Tick& tick : axis.ticks) EXPECT_LE(tick.time, end) << end;
  }
}

}  // namespace
}  // namespace weft::observe
