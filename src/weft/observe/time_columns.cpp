#include "weft/observe/time_columns.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

namespace weft::observe {

using schedule::CommitEntry;
using schedule::CommitLog;
using schedule::kNumTaskKinds;

namespace {

/// Wider boxes say no more.
constexpr int64_t kMostColumnsPerQuantum = 6;
/// A row whose tasks have fewer columns each, on average, is crowded.
constexpr double kLeastTaskColumns = 0.75;
constexpr double kRounding = 1e-6;  ///< times that differ less, in columns, are the same

/// What the tasks of one kind have of a column.
struct Share {
  const CommitEntry* longest = nullptr;
  double longest_time = 0;  ///< of the longest alone, in columns
  double time = 0;          ///< of all, in columns
};

using Column = std::array<Share, kNumTaskKinds>;  ///< [kind]

/// Gives columns to kinds of task and to idle time: to whom has most of the column, or, in a
/// crowded row, to whom most is owed, where what lost a column has it counted in the next one.
class ColumnDivider {
 public:
  explicit ColumnDivider(bool is_crowded) : is_crowded_(is_crowded) {}

  /// What the column shows; null: idle.
  const CommitEntry* winner(const Column& column) {
    Times times{};
    for (size_t kind = 0; kind < kNumTaskKinds; ++kind) times.at(kind) = column.at(kind).time;
    times.at(kIdle) = 1 - std::accumulate(times.begin(), times.end(), 0.0);
    const size_t most = is_crowded_ ? most_owed(times) : largest(times, times);
    return most == kIdle ? nullptr : column.at(most).longest;
  }

 private:
  static constexpr size_t kIdle = kNumTaskKinds;
  using Times = std::array<double, kNumTaskKinds + 1>;  ///< [kind], then idle; in columns

  size_t most_owed(const Times& times) {
    std::ranges::transform(owed_, times, owed_.begin(), std::plus<>());
    const size_t most = largest(owed_, times);
    owed_.at(most) -= 1;
    return most;
  }

  /// Index of the largest weight among those that have time; the first one of equals.
  static size_t largest(const Times& weights, const Times& times) {
    size_t most = kIdle;
    for (size_t i = times.size(); i-- > 0;) {
      if (times.at(i) < kRounding) continue;
      const bool is_first = times.at(most) < kRounding;
      if (is_first || weights.at(i) >= weights.at(most) - kRounding) most = i;
    }
    return most;
  }

  bool is_crowded_;
  Times owed_{};
};

bool is_multiple(double time, double quantum) {
  const double count = time / quantum;
  return std::abs(count - std::round(count)) < 1e-6;
}

/// The number of times that the makespan holds a quantum of which all times are multiples; 0 where
/// there is none.
double count_quanta(const CommitLog& log) {
  double shortest = std::numeric_limits<double>::max();
  for (const auto& rank : log.ranks) {
    for (const CommitEntry& entry : rank) {
      if (entry.end > entry.start) shortest = std::min(shortest, entry.end - entry.start);
    }
  }
  for (const double quantum : {shortest, 1.0}) {
    const bool divides = std::ranges::all_of(log.ranks, [quantum](const auto& rank) {
      return std::ranges::all_of(rank, [quantum](const CommitEntry& entry) {
        return is_multiple(entry.start, quantum) && is_multiple(entry.end, quantum);
      });
    });
    if (divides) return std::round(log.makespan() / quantum);
  }
  return 0;
}

}  // namespace

int64_t fitting_columns(const CommitLog& log, int64_t available) {
  const double quanta = count_quanta(log);
  if (!(quanta > 0) || quanta > static_cast<double>(available)) {
    return std::max<int64_t>(1, log.makespan() > 0 ? available : 1);
  }
  const auto count = static_cast<int64_t>(quanta);
  return std::min(kMostColumnsPerQuantum, available / count) * count;
}

std::vector<Cell> cut_into_columns(const std::vector<CommitEntry>& entries, double makespan,
                                   int64_t num_columns) {
  std::vector<Column> columns(static_cast<size_t>(num_columns));
  const auto width = static_cast<double>(num_columns);
  const auto position = [&](double time) {
    return makespan > 0 ? std::clamp(time / makespan, 0.0, 1.0) * width : 0.0;
  };
  double busy = 0;
  for (const CommitEntry& entry : entries) {
    const double start = position(entry.start);
    const double end = position(entry.end);
    busy += end - start;
    for (double left = std::floor(start); left < end; ++left) {
      const double time = std::min(end, left + 1) - std::max(start, left);
      Share& share = columns[static_cast<size_t>(left)].at(static_cast<size_t>(entry.task.kind));
      share.time += time;
      if (time <= share.longest_time) continue;
      share.longest = &entry;
      share.longest_time = time;
    }
  }
  std::vector<Cell> cells;
  ColumnDivider divider(busy < kLeastTaskColumns * static_cast<double>(entries.size()));
  for (const Column& column : columns) {
    const CommitEntry* entry = divider.winner(column);
    if (cells.empty() || cells.back().entry != entry) cells.push_back({0, entry});
    ++cells.back().num_columns;
  }
  return cells;
}

}  // namespace weft::observe
