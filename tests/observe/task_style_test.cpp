#include "weft/observe/task_style.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/example_logs.hpp"

namespace weft::observe {

using schedule::CommitLog;
using schedule::TaskKind;

namespace {

std::vector<int64_t> shades(int64_t num_chunks) {
  std::vector<int64_t> shades;
  for (int64_t chunk = 0; chunk < num_chunks; ++chunk) {
    shades.push_back(shade_of(chunk, num_chunks));
  }
  return shades;
}

TEST(TaskStyle, ChunksAreShadedFromDarkToLight) {
  EXPECT_EQ(shades(1), (std::vector<int64_t>{1}));
  EXPECT_EQ(shades(2), (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(shades(4), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(shades(6), (std::vector<int64_t>{0, 0, 1, 2, 2, 3}));
  const auto groups = shaded_chunks(6);
  ASSERT_EQ(groups.size(), 4U);
  EXPECT_EQ(groups[0].first, 0);
  EXPECT_EQ(groups[0].last, 1);
  EXPECT_EQ(groups[3].shade, 3);
  EXPECT_EQ(groups[3].first, 5);
  EXPECT_EQ(groups[3].last, 5);
}

TEST(TaskStyle, NoTwoBoxesLookAlike) {
  std::set<std::string_view> hex;
  std::set<int> terminal;
  for (int kind = 0; kind < 4; ++kind) {
    for (int64_t shade = 0; shade < kNumShades; ++shade) {
      hex.insert(colour_of(static_cast<TaskKind>(kind), shade).hex);
      terminal.insert(colour_of(static_cast<TaskKind>(kind), shade).terminal);
    }
  }
  EXPECT_EQ(hex.size(), 16U);
  EXPECT_EQ(terminal.size(), 16U);
}

TEST(TaskStyle, FindsTheKindsOfALog) {
  using enum TaskKind;
  EXPECT_EQ(kinds_in(schedule::testing::one_f_one_b(2, 2)),
            (std::vector<TaskKind>{forward, backward}));
  EXPECT_EQ(kinds_in(schedule::testing::split_wave(2, 2)),
            (std::vector<TaskKind>{forward, backward_input, backward_weight}));
  EXPECT_TRUE(kinds_in(CommitLog{}).empty());
}

}  // namespace
}  // namespace weft::observe
