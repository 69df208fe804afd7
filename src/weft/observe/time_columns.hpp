#pragma once

#include <cstdint>
#include <vector>

#include "weft/schedule/commit_log.hpp"

namespace weft::observe {

/// Neighbouring columns of a text chart that show the same task, or idle time.
struct Cell {
  int64_t num_columns = 0;
  const schedule::CommitEntry* entry = nullptr;  ///< null: idle

  bool is_idle() const { return entry == nullptr; }
};

/// How many of `available` columns a chart of the log takes: where all times are multiples of the
/// shortest task or of 1, as many whole columns per multiple as there is room for, up to 6, so that
/// tasks of equal length have equal width; otherwise all of them. At least 1.
int64_t fitting_columns(const schedule::CommitLog& log, int64_t available);

/// Cuts the time from 0 to `makespan` into `num_columns` columns and says which task each shows.
/// A column that several kinds of task share, or that is partly idle, goes to the one with most
/// time in it; where tasks are much shorter than a column, so that each gets columns in proportion
/// to its time. Of that kind it shows the longest task. `entries` must outlive the cells.
std::vector<Cell> cut_into_columns(const std::vector<schedule::CommitEntry>& entries,
                                   double makespan, int64_t num_columns);

}  // namespace weft::observe
