#include "weft/observe/chart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "support/example_logs.hpp"
#include "weft/base/error.hpp"

namespace weft::observe {

using schedule::CommitLog;
using schedule::Mapping;

namespace {

using schedule::testing::breadth_first;
using schedule::testing::one_f_one_b;
using schedule::testing::split_wave;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// `text` without ANSI escapes.
std::string visible(const std::string& text) {
  std::string shown;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = text.find('m', i);
    } else {
      shown += text[i];
    }
  }
  return shown;
}

/// Columns on a terminal: characters, not the bytes that continue one in UTF-8.
int64_t num_columns(const std::string& line) {
  int64_t count = 0;
  for (const char c : visible(line)) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return count;
}

TEST(Chart, ShowsKindsAndMicrobatchesInUnicode) {
  EXPECT_EQ(draw_chart(one_f_one_b(3, 4), {.width = 60}),
            "rank 0 │F0F1F2········D0──F3D1──··D2──··D3──\n"
            "rank 1 │··F0F1····D0──F2D1──F3D2──··D3──····\n"
            "rank 2 │····F0D0──F1D1──F2D2──F3D3──········\n"
            "        └0        └5        └10       └15 units\n"
            "F forward  D backward  · idle  number: microbatch\n");
}

TEST(Chart, ShowsSplitBackwardAndChunksByCaseInAscii) {
  EXPECT_EQ(draw_chart(split_wave(2, 2), {.width = 80, .unicode = false}),
            "rank 0 |F0--F1--........f0--f1--b0--w0--b1--w1--........B0--W0--B1--W1--\n"
            "rank 1 |....F0--F1--f0--f1--........b0--w0--b1--w1--B0--W0--B1--W1--....\n"
            "        |0      |2      |4      |6      |8      |10     |12     |14 units\n"
            "F forward  B input gradient  W weight gradient  . idle  lower case: odd chunks\n");
}

TEST(Chart, ShowsMoreThanTwoChunksByNumber) {
  EXPECT_EQ(
      draw_chart(breadth_first(2, 3, 2), {.width = 100, .unicode = false}),
      "rank 0 |F0.0F0.1f1.0f1.1F2.0F2.1............D2.0----D2.1----d1.0----d1.1----D0.0----"
      "D0.1----\n"
      "rank 1 |....F0.0F0.1f1.0f1.1F2.0F2.1D2.0----D2.1----d1.0----d1.1----D0.0----D0.1----"
      "........\n"
      "        |0      |2      |4      |6      |8      |10     |12     |14     |16     |18     "
      "|20 units\n"
      "F forward  D backward  . idle  lower case: odd chunks  chunk.microbatch  "
      "0.25 units/column\n");
}

TEST(Chart, ShowsKindsAloneWhereColumnsAreNarrow) {
  EXPECT_EQ(draw_chart(one_f_one_b(2, 2), {.width = 20, .unicode = false}),
            "rank 0 |FF..D0.D1\n"
            "rank 1 |.FD0FD1..\n"
            "        |0 units\n"
            "F fwd  D bwd  . idle\n");
  // Ten units of width two have no room for two digits and the letter.
  EXPECT_THAT(draw_chart(one_f_one_b(1, 11), {.width = 80, .unicode = false}),
              HasSubstr("F8D8--F9D9--F-D10-\n"));
}

TEST(Chart, ColoursKindsAndShadesChunks) {
  EXPECT_EQ(draw_chart(one_f_one_b(1, 2), {.width = 60, .colour = true}),
            "rank 0 │"
            "\x1b[48;5;32;38;5;231m0     \x1b[0m\x1b[48;5;97;38;5;231m0           \x1b[0m"
            "\x1b[48;5;32;38;5;231m1     \x1b[0m\x1b[48;5;97;38;5;231m1           \x1b[0m\n"
            "        └0          └2          └4          └6 units\n"
            "\x1b[48;5;32;38;5;231m F \x1b[0m forward  \x1b[48;5;97;38;5;231m D \x1b[0m backward  "
            "· idle  number: microbatch\n");
  const std::string chart =
      draw_chart(split_wave(2, 2), {.width = 120, .colour = true, .unicode = false});
  EXPECT_THAT(chart, HasSubstr("\x1b[48;5;25;38;5;231m0     \x1b[0m"));
  EXPECT_THAT(chart, HasSubstr("\x1b[48;5;75;38;5;16m0     \x1b[0m"));
  EXPECT_THAT(chart, HasSubstr("chunk \x1b[48;5;25;38;5;231m 0 \x1b[0m\x1b[48;5;75;38;5;16m 1 "));
  EXPECT_THAT(chart, HasSubstr("\x1b[2m......\x1b[0m"));
  EXPECT_THAT(chart, Not(HasSubstr("lower case")));
}

TEST(Chart, KeepsNumbersOfOneColourApart) {
  // Eleven forwards of one column each in a row: "10" would touch "9" and "11".
  const std::string chart =
      visible(draw_chart(breadth_first(1, 1, 12), {.width = 45, .colour = true, .unicode = false}));
  EXPECT_THAT(chart, HasSubstr("|0123456789FF0 1 2 3 4 5 6 7 8 9 D 11\n"));
}

TEST(Chart, CountsTimeInTheUnitsOfTheRun) {
  CommitLog log = one_f_one_b(2, 2, {1800, 2000, 1700});
  log.time_unit = "us";
  const std::string chart = draw_chart(log, {.width = 80});
  EXPECT_THAT(chart, HasSubstr(" ms\n"));
  EXPECT_THAT(chart, HasSubstr(" ms/column\n"));
}

TEST(Chart, DrawsLogsWithoutTasks) {
  EXPECT_EQ(draw_chart(CommitLog{{Mapping::loop, 2, 1}, 1, "us", {{}, {}}}, {.width = 40}),
            "rank 0 │·\n"
            "rank 1 │·\n"
            "        └0 us\n"
            "· idle  0 us/column\n");
  EXPECT_EQ(draw_chart(CommitLog{}, {.width = 20, .unicode = false}),
            "        |0 units\n"
            ". idle\n");
}

TEST(Chart, NeverExceedsItsWidth) {
  std::vector<CommitLog> logs{
      one_f_one_b(4, 8),       one_f_one_b(3, 5, {1, 1.1, 0.9, 0.25}), split_wave(11, 12),
      breadth_first(4, 9, 11), one_f_one_b(2, 2, {1e-7, 1, 1e9}),      CommitLog{}};
  logs.push_back(one_f_one_b(4, 8, {12345.678, 3456.7, 2222.2, 99}));
  logs.back().time_unit = "us";
  for (const CommitLog& log : logs) {
    for (int64_t width = kLeastChartWidth; width <= 200; ++width) {
      for (const bool colour : {false, true}) {
        const auto lines = lines_of(draw_chart(log, {width, colour, width % 2 == 0}));
        ASSERT_EQ(lines.size(), log.ranks.size() + 2);
        for (const std::string& line : lines) {
          ASSERT_LE(num_columns(line), width) << line;
          ASSERT_FALSE(line.ends_with(' ')) << line;
        }
        for (size_t rank = 1; rank < log.ranks.size(); ++rank) {
          ASSERT_EQ(num_columns(lines[rank]), num_columns(lines[0])) << width;
        }
      }
    }
  }
}

TEST(Chart, ShowsTheShapeOfLongStepsOnManyRanks) {
  const CommitLog log = one_f_one_b(16, 384);
  ASSERT_EQ(log.plan().num_tasks(), 12288);
  for (int64_t width = kLeastChartWidth; width <= 200; width += 20) {
    const auto lines = lines_of(draw_chart(log, {.width = width, .unicode = false}));
    ASSERT_EQ(lines.size(), 18U);
    for (const std::string& line : lines) ASSERT_LE(num_columns(line), width) << line;
  }
  const auto lines = lines_of(draw_chart(log, {.width = 100, .unicode = false}));
  // 1,197 units in 91 columns; the last rank works from 15 to 1,167, one part F and two parts D.
  std::string work;
  for (int i = 0; i < 29; ++i) work += "DFD";
  EXPECT_EQ(lines[15], "rank 15 |." + work + "...");
  EXPECT_EQ(lines[17], "F forward  D backward  . idle  13.2 units/column");
}

TEST(Chart, RefusesAWidthBelowTheLeast) {
  try {
    draw_chart(one_f_one_b(2, 2), {.width = 19});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_STREQ(error.what(), "a chart of 19 columns (expected at least 20)");
  }
}

}  // namespace
}  // namespace weft::observe
