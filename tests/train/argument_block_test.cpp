#include "weft/train/argument_block.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "support/vectors.hpp"
#include "train/seed_command.hpp"
#include "weft/train/option_derivation.hpp"
#include "weft/train/option_parser.hpp"

namespace weft::train {
namespace {

ParsedOptions seed_options() {
  ParsedOptions parsed = parse_options({seed_command(), {}});
  derive_values(parsed.values);
  return parsed;
}

TEST(ArgumentBlock, LinesAreThoseOfTheVector) {
  const auto vector = testing::load_vector("log_lines");
  for (const auto& line : vector.at("argument_lines")) {
    EXPECT_EQ(
        argument_line(line.at("name").get<std::string>(), line.at("value").get<std::string>()),
        line.at("out").get<std::string>());
  }
}

// Every name of the vector with the value that the recorded run printed.
TEST(ArgumentBlock, SeedCommandPrintsEveryValueOfTheRecordedRun) {
  const ParsedOptions parsed = seed_options();
  ASSERT_TRUE(parsed.problems.empty()) << parsed.problems.front().message;
  const auto vector = testing::load_vector("arguments");
  ASSERT_EQ(vector.at("log_arguments").size(), 465U);
  for (const auto& argument : vector.at("log_arguments")) {
    const auto name = argument.at("name").get<std::string>();
    EXPECT_EQ(print_python(parsed.values.at(name)), argument.at("log_value").get<std::string>())
        << name;
  }
}

TEST(ArgumentBlock, SeedCommandPrintsTheRecordedBlock) {
  const auto path = testing::reference_file("seed/megatron_dpp_run.log");
  if (!path) GTEST_SKIP() << "the recorded run is only in the full reference";
  std::ifstream in(*path);
  std::vector<std::string> recorded;
  for (std::string line; recorded.size() < 471 && std::getline(in, line);) recorded.push_back(line);
  const ParsedOptions parsed = seed_options();
  std::vector<std::string> printed =
      start_notices(parse_options({seed_command(), {}}).values, parsed.values);
  const std::vector<std::string> block = argument_block(parsed.values);
  printed.insert(printed.end(), block.begin(), block.end());
  ASSERT_EQ(printed.size(), recorded.size());
  for (size_t i = 0; i < recorded.size(); ++i)
    EXPECT_EQ(printed[i], recorded[i]) << "line " << i + 1;
}

TEST(ArgumentBlock, LinesAreSortedByTheWholeLineInLowerCase) {
  const std::vector<std::string> block = argument_block(OptionValues());
  ASSERT_EQ(block.size(), 467U);
  // "save ..." before "save_interval ...", because a blank sorts before an underscore.
  size_t save = 0;
  size_t interval = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    if (block[i].starts_with("  save ")) save = i;
    if (block[i].starts_with("  save_interval ")) interval = i;
  }
  EXPECT_EQ(interval, save + 1);
}

TEST(ArgumentBlock, WeftsOwnOptionsAreNotInIt) {
  for (const std::string& line : argument_block(OptionValues())) {
    EXPECT_FALSE(line.starts_with("  dry_run ")) << line;
    EXPECT_FALSE(line.starts_with("  metrics_file ")) << line;
    EXPECT_FALSE(line.starts_with("  batch_size ")) << line;
  }
}

}  // namespace
}  // namespace weft::train
