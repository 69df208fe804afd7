#include "weft/parallel/layer_layout.hpp"

#include <gtest/gtest.h>

#include "parallel/refusal.hpp"

namespace weft::parallel {
namespace {

std::vector<int64_t> stages(const std::string& text) {
  std::vector<Problem> problems;
  const LayerLayout layout = parse_layout(text, problems);
  EXPECT_TRUE(problems.empty()) << testing::only_message(problems);
  return layout.layers_per_stage;
}

std::string fault(const std::string& text) {
  std::vector<Problem> problems;
  EXPECT_EQ(parse_layout(text, problems).num_stages(), 0) << text;
  return testing::only_message(problems);
}

TEST(LayerLayout, ReadsStages) {
  using Stages = std::vector<int64_t>;
  EXPECT_EQ(stages("EtL"), (Stages{1}));
  EXPECT_EQ(stages("E|t*3|t*3|tL"), (Stages{0, 3, 3, 1}));
  EXPECT_EQ(stages("Ettt|(tt|)*29,t|L"), [] {
    Stages expected(32, 2);
    expected.front() = 3;
    expected[30] = 1;
    expected.back() = 0;
    return expected;
  }());
  EXPECT_EQ(stages("Et*6|t*5|t*5L"), (Stages{6, 5, 5}));
  EXPECT_EQ(stages("E, t | (t)*2 |tL"), (Stages{1, 2, 1}));
  EXPECT_EQ(stages("E|*3L"), (Stages{0, 0, 0, 0}));
  EXPECT_EQ(stages("E((t*2|)*2t|)*2L"), (Stages{2, 2, 1, 2, 2, 1, 0}));
  EXPECT_EQ(stages("E||L"), (Stages{0, 0, 0}));
}

TEST(LayerLayout, WritesWhatItReads) {
  for (const char* text : {"EtL", "E|t*3|t*3|tL", "Et*2||t|L"}) {
    EXPECT_EQ(layout_text(stages(text)), text);
  }
}

TEST(LayerLayout, SaysWhatIsMalformed) {
  const std::string flag = "--pipeline-model-parallel-layout ";
  const std::string head = " is malformed (got ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"EtxL", "'x' as symbol 3, expected E, t, L, | or ()"},
      {"Et|mL", "'m' as symbol 4, expected E, t, L, | or ()"},
      {"E(t|L", "its end, expected E, t, L, |, ( or ))"},
      {"Et)L", "')' as symbol 3, expected E, t, L, | or ()"},
      {"E()L", "')' as symbol 3, expected something between parentheses)"},
      {"Et*L", "'L' as symbol 4, expected a count from 1 on after *)"},
      {"Et*0L", "'0' as symbol 4, expected a count from 1 on after *)"},
      {"Et*", "its end, expected a count from 1 on after *)"},
      {"Et*-2L", "'-' as symbol 4, expected a count from 1 on after *)"},
      {"*3EtL", "'*' as symbol 1, expected E, t, L, | or ()"},
      {"Et*99999999999999999999L", "'9' as symbol 4, expected a count from 1 on after *)"},
      {"Et*1000000L", "more than 1000000 symbols)"},
      {"E((t*1000)*1000)*1000L", "more than 1000000 symbols)"},
      {"t|tL", "E 0 times, expected once)"},
      {"Et|EtL", "E 2 times, expected once)"},
      {"Et|t", "L 0 times, expected once)"},
      {"EtL|tL", "L 2 times, expected once)"},
      {"t|EtL", "t first, expected E)"},
      {"EtL|t", "t last, expected L)"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(fault(text), flag + text + head + expected);
  const std::string deep = "E" + std::string(100'000, '(') + "t" + std::string(100'000, ')') + "L";
  EXPECT_TRUE(fault(deep).ends_with("is malformed (got more than 16 nested parentheses)"));
}

}  // namespace
}  // namespace weft::parallel
