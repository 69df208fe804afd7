#pragma once

#include <cstdint>
#include <string>

#include "weft/schedule/commit_log.hpp"

namespace weft::observe {

/// How a text chart is drawn. The caller knows its terminal and its environment.
struct ChartOptions {
  int64_t width = 100;  ///< most display columns of a line; at least kLeastChartWidth
  bool colour = false;  ///< ANSI colours: one per kind of task, a shade per chunk
  bool unicode = true;  ///< line glyphs in UTF-8, else ASCII alone
};

inline constexpr int64_t kLeastChartWidth = 20;

/// The log as a Gantt chart for a terminal: a line per rank with time from left to right, an axis
/// and a legend, each line with its line end.
///
///   rank 0 │F0F1····D0──··D1──
///   rank 1 │··F0D0──F1D1──····
///           └0        └5 units
///   F forward  D backward  · idle
///
/// Where the columns suffice a task shows its kind (its colour with `colour`) and its microbatch,
/// otherwise its kind. A column that several tasks share shows the kind that takes most of it; on a
/// chart too narrow for its tasks the columns show the kinds in proportion to their time. Throws
/// Error{usage} when the width is below kLeastChartWidth.
std::string draw_chart(const schedule::CommitLog& log, const ChartOptions& options);

}  // namespace weft::observe
