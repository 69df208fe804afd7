#include "weft/train/option_table.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <set>

#include "support/temp_dir.hpp"
#include "support/vectors.hpp"
#include "weft/train/option_help.hpp"

namespace weft::train {
namespace {

using Json = nlohmann::json;

std::string joined(const Json& words, char separator) {
  std::string text;
  for (const Json& word : words) {
    if (!text.empty()) text += separator;
    text += word.is_string() ? word.get<std::string>() : word.dump();
  }
  return text;
}

std::string expected_default(const Json& argument) {
  std::string text = argument.at("default").get<std::string>();
  if (text == "(empty)") return "";
  if (text == "-") return "None";
  if (text.size() > 1 && text.front() == '\'') return text.substr(1, text.size() - 2);
  return argument.at("name") == "local_rank" ? "0" : text;
}

void check_argument(const Json& argument, OptionOrigin origin) {
  const auto name = argument.at("name").get<std::string>();
  const OptionSpec* spec = find_option(name);
  ASSERT_NE(spec, nullptr) << name;
  EXPECT_EQ(spec->origin, origin) << name;
  EXPECT_EQ(spec->default_value, expected_default(argument)) << name;
  // --world-size is weft's own flag for a value that Megatron reads from its launcher.
  if (name != "world_size") {
    EXPECT_EQ(spec->flags, joined(argument.at("flags"), ' ')) << name;
  }
  if (argument.contains("choices") && !argument.at("choices").is_null()) {
    std::string choices = joined(argument.at("choices"), '|');
    constexpr std::string_view kEnum = "AttnBackend.";
    for (size_t at = choices.find(kEnum); at != std::string::npos; at = choices.find(kEnum)) {
      choices.erase(at, kEnum.size());
    }
    EXPECT_EQ(spec->choices, choices) << name;
  }
  const auto nargs = argument.contains("nargs") && argument.at("nargs").is_string()
                         ? argument.at("nargs").get<std::string>()
                         : std::string();
  const ListSize size = nargs == "*"   ? ListSize::zero_or_more
                        : nargs == "+" ? ListSize::one_or_more
                                       : ListSize::one;
  EXPECT_EQ(spec->list_size, size) << name;
}

TEST(OptionTable, HoldsEveryArgumentOfTheVector) {
  const Json vector = testing::load_vector("arguments");
  ASSERT_EQ(vector.at("log_arguments").size(), 465U);
  ASSERT_EQ(vector.at("parser_arguments_not_in_log_block").size(), 14U);
  for (const Json& argument : vector.at("log_arguments")) {
    check_argument(argument, OptionOrigin::logged);
  }
  for (const Json& argument : vector.at("parser_arguments_not_in_log_block")) {
    check_argument(argument, OptionOrigin::unlogged);
  }
}

TEST(OptionTable, NamesAndFlagsAreUnique) {
  std::set<std::string_view> names;
  std::set<std::string_view> flags;
  for (const OptionSpec& spec : option_table()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_FALSE(spec.help.empty()) << spec.name;
    for (const std::string_view flag : split_words(spec.flags, ' ')) {
      EXPECT_TRUE(flags.insert(flag).second) << flag;
      EXPECT_EQ(find_flag(flag), &spec);
    }
    EXPECT_EQ(spec.flags.empty(), spec.kind == OptionKind::derived) << spec.name;
  }
}

TEST(OptionTable, ReasonsAndAlternativesAreNamed) {
  for (const OptionSpec& spec : option_table()) {
    if (spec.status == OptionStatus::no_effect) {
      EXPECT_FALSE(spec.note.empty()) << spec.name;
    }
    if (spec.status == OptionStatus::refused) {
      const bool alternative = spec.note.find("; use ") != std::string_view::npos ||
                               spec.note.find("; leave ") != std::string_view::npos;
      EXPECT_TRUE(alternative) << spec.name;
    }
  }
}

// "TEST(Suite, Name" and "TEST_F(Suite, Name" in `source`, as Suite.Name.
void add_tests(const std::string& source, std::set<std::string>& tests) {
  for (size_t at = source.find("\nTEST"); at != std::string::npos;
       at = source.find("\nTEST", at + 1)) {
    const size_t open = source.find('(', at);
    const size_t close = source.find(')', at);
    if (open == std::string::npos || close == std::string::npos) return;
    std::string name;
    for (const char c : source.substr(open + 1, close - open - 1)) {
      if (c == ',') name += '.';
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') name += c;
    }
    tests.insert(name);
  }
}

std::set<std::string> tests_in_the_tree() {
  std::set<std::string> tests;
  const auto root = testing::test_data("").parent_path().parent_path();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.path().string().ends_with("_test.cpp")) continue;
    add_tests(testing::read_file(entry.path()), tests);
  }
  return tests;
}

TEST(OptionTable, ActingOptionsNameATestThatExists) {
  const std::set<std::string> tests = tests_in_the_tree();
  ASSERT_TRUE(tests.contains("OptionTable.ActingOptionsNameATestThatExists"));
  size_t acting = 0;
  for (const OptionSpec& spec : option_table()) {
    if (spec.status != OptionStatus::acts) continue;
    EXPECT_TRUE(tests.contains(std::string(spec.note))) << spec.name << " names " << spec.note;
    ++acting;
  }
  EXPECT_GT(acting, 60U);
}

TEST(OptionTable, DocumentationHoldsTheGeneratedTables) {
  const auto root = testing::test_data("").parent_path().parent_path().parent_path();
  const std::string page = testing::read_file(root / "docs" / "from-megatron.md");
  EXPECT_NE(page.find(markdown_tables()), std::string::npos)
      << "replace the tables of docs/from-megatron.md by the output of: weft config show "
         "--markdown";
}

TEST(OptionTable, NearestFlagAndName) {
  EXPECT_EQ(nearest_flag("--hidden-sise"), "--hidden-size");
  EXPECT_EQ(nearest_flag("--micro-batchsize"), "--micro-batch-size");
  EXPECT_EQ(nearest_flag("--qwertyuiop"), "");
  EXPECT_EQ(nearest_name("num_layer"), "num_layers");
  EXPECT_EQ(nearly_name("reference_dir"), "");
}

}  // namespace
}  // namespace weft::train
