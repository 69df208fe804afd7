#include "weft/observe/time_columns.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "support/example_logs.hpp"

namespace weft::observe {

using schedule::CommitEntry;
using schedule::CommitLog;
using schedule::TaskKind;

namespace {

using schedule::testing::one_f_one_b;

/// F0.0, B0.1, F0.2, B0.3, ...: each from one time to the next.
std::vector<CommitEntry> alternating(const std::vector<double>& times) {
  std::vector<CommitEntry> entries;
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    const TaskKind kind = i % 2 == 0 ? TaskKind::forward : TaskKind::backward_input;
    entries.push_back({{kind, 0, static_cast<int64_t>(i)}, 0, times[i], times[i + 1]});
  }
  return entries;
}

/// The letter of its kind per column.
std::string letters(const std::vector<CommitEntry>& entries, double makespan, int64_t num_columns) {
  std::string text;
  for (const Cell& cell : cut_into_columns(entries, makespan, num_columns)) {
    const char shown = cell.is_idle() ? '.' : letter(cell.entry->task.kind);
    text += std::string(static_cast<size_t>(cell.num_columns), shown);
  }
  return text;
}

TEST(TimeColumns, TakesWholeColumnsPerUnitWhereTheyFit) {
  const CommitLog log = one_f_one_b(2, 2);  // 9 units
  EXPECT_EQ(fitting_columns(log, 8), 8);
  EXPECT_EQ(fitting_columns(log, 9), 9);
  EXPECT_EQ(fitting_columns(log, 35), 27);
  EXPECT_EQ(fitting_columns(log, 1000), 54);
  const CommitLog halves = one_f_one_b(2, 2, {0.5, 0.5, 0.5});
  EXPECT_EQ(fitting_columns(halves, 35), 27);
  const CommitLog uneven = one_f_one_b(2, 2, {2, 1, 2});  // 15 units, of 3 and 2
  EXPECT_EQ(fitting_columns(uneven, 35), 30);
  EXPECT_EQ(fitting_columns(one_f_one_b(2, 2, {1, 1, 1, 0.3}), 35), 35);
  EXPECT_EQ(fitting_columns(CommitLog{}, 35), 1);
}

TEST(TimeColumns, CellsAreTasksAndIdleTime) {
  const CommitLog log = one_f_one_b(2, 2);
  const auto cells = cut_into_columns(log.ranks[0], 9, 18);
  ASSERT_EQ(cells.size(), 6U);
  const std::vector<std::string> expected{"F0.0", "F0.1", "", "D0.0", "", "D0.1"};
  const std::vector<int64_t> widths{2, 2, 4, 4, 2, 4};
  for (size_t i = 0; i < cells.size(); ++i) {
    EXPECT_EQ(cells[i].is_idle() ? "" : to_string(cells[i].entry->task), expected[i]);
    EXPECT_EQ(cells[i].num_columns, widths[i]);
  }
}

TEST(TimeColumns, ASharedColumnGoesToWhatHasMostOfIt) {
  EXPECT_EQ(letters(alternating({0, 1.6, 3, 5}), 5, 5), "FFBFF");
  EXPECT_EQ(letters(alternating({0, 1.4, 3, 5}), 5, 5), "FBBFF");
  EXPECT_EQ(letters(alternating({0, 1.4}), 3, 3), "F..");
  EXPECT_EQ(letters(alternating({0, 1.6}), 3, 3), "FF.");
  EXPECT_EQ(letters(alternating({0, 1.5}), 3, 3), "FF.");
}

TEST(TimeColumns, ShortTasksAreShownInProportion) {
  std::vector<double> times{0};
  for (int i = 0; i < 400; ++i) times.push_back(times.back() + (i % 2 == 0 ? 1 : 3));  // to 800
  const std::string text = letters(alternating(times), 1000, 50);
  EXPECT_EQ(std::ranges::count(text, 'F'), 10);
  EXPECT_EQ(std::ranges::count(text, 'B'), 30);
  EXPECT_EQ(text.substr(40), "..........");
}

TEST(TimeColumns, TasksWithoutDurationAndOutsideTheStepAreLeftOut) {
  EXPECT_EQ(letters(alternating({2, 2}), 4, 4), "....");
  EXPECT_EQ(letters(alternating({-3, -2, 1, 7, 9}), 4, 4), "BFFF");
  EXPECT_EQ(letters({}, 4, 4), "....");
  EXPECT_EQ(letters(alternating({0, 0}), 0, 1), ".");
}

}  // namespace
}  // namespace weft::observe
