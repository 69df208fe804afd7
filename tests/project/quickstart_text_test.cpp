// scripts/quickstart-text: the training documents that ./quickstart makes from plain text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using testing::CommandResult;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_command;
using testing::TempDir;
using testing::write_file;

const std::string kScript = WEFT_SOURCE_DIR "/scripts/quickstart-text";

/// The documents made of `text`; every output line must be a JSON object with one string.
std::vector<std::string> documents(const std::string& mode, const std::string& text) {
  const TempDir dir;
  const auto input = write_file(dir / "input", text);
  const CommandResult result = run_command(kScript + " " + mode + " <" + input.string());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::vector<std::string> found;
  std::istringstream lines(result.out);
  std::string line;
  while (std::getline(lines, line)) {
    const nlohmann::json json = nlohmann::json::parse(line);
    EXPECT_EQ(json.size(), 1u) << line;
    found.push_back(json.at("text").get<std::string>());
  }
  return found;
}

// Not inlined: g++ 12 then sees overflows in std::string that are not there.
[[gnu::noinline]] std::string filler(char letter) { return std::string(400, letter); }

TEST(QuickstartText, DictionaryEntryKeepsItsTextAndLosesItsMarkup) {
  const auto found = documents("dictionary",
                               "00-database-info\n"
                               "   The preface.\n"
                               "\n"
                               "Abacus \\Ab\"a*cus\\ ([a^]b\"[.a]*k[u^]s), n. [L. abacus. See\n"
                               "   {Abacist}.] (Arch.)\n"
                               "   1. A table for \"computing\"; a counting\n"
                               "      frame. [R.] --Locke.\n"
                               "      [1913 Webster]\n"
                               "\n"
                               "   2. A tablet.\n"
                               "      [1913 Webster +PJC] Abaddon\n"
                               "\n"
                               "Abaddon \\A*bad\"don\\, n.\n"
                               "   Hell.\n");
  EXPECT_THAT(found, ElementsAre("Abacus, n. [L. abacus. See Abacist.] (Arch.) 1. A table for "
                                 "\"computing\"; a counting frame. [R.] --Locke.\n2. A tablet.\n\n"
                                 "Abaddon, n. Hell."));
}

TEST(QuickstartText, DocumentsCollectEntriesUpToFourHundredBytes) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const std::string word = "word" + std::to_string(i);
    text += word + " \\" + word + "\\, n.\n   " + std::string(180, 'x') + "\n\n";
  }
  const auto found = documents("dictionary", text);
  // Two entries have 2 * ~190 bytes, so a third joins them.
  EXPECT_EQ(found.size(), 34u);
  size_t entries = 0;
  for (const std::string& document : found) {
    for (size_t at = 0; (at = document.find("word", at)) != std::string::npos; ++at) ++entries;
  }
  EXPECT_EQ(entries, 100u);
}

TEST(QuickstartText, ProseParagraphsBecomeDocumentsOnce) {
  const auto found = documents("prose", filler('a') + "\n\n" + filler('b') + "\n" + filler('c') +
                                            "\n\n" + filler('a') + "\n");
  const std::set<std::string> expected{filler('a'), filler('b') + " " + filler('c')};
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), expected);
  EXPECT_EQ(found.size(), 2u);
}

TEST(QuickstartText, BackslashesQuotesControlsAndBadBytesStayValidJson) {
  const auto found = documents("prose",
                               "C:\\new \"x\"\ttab \x01\x1b caf\xc3\xa9 bad\xff"
                               "byte " +
                                   filler('a') + "\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0], HasSubstr("C:\\new \"x\" tab caf\xc3\xa9 badbyte aaa"));
}

TEST(QuickstartText, PlainUndoesTheJson) {
  const std::string text = "C:\\new \\\\ \"quoted\" end\\";
  const TempDir dir;
  const std::string value = nlohmann::json(text + "\nnext").dump();
  const auto json = write_file(dir / "x", fmt::format("{{\"text\": {}}}\n", value));
  const CommandResult result = run_command(kScript + " plain <" + json.string());
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, text + "\nnext\n");
}

TEST(QuickstartText, OrderIsShuffledButAlwaysTheSame) {
  std::string text;
  std::vector<std::string> in_order;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    text += filler(letter) + "\n\n";
    in_order.emplace_back(400, letter);
  }
  const auto first = documents("prose", text);
  EXPECT_THAT(first, ::testing::UnorderedElementsAreArray(in_order));
  EXPECT_NE(first, in_order);
  EXPECT_EQ(first, documents("prose", text));
}

TEST(QuickstartText, UnknownModeIsRefused) {
  const CommandResult result = run_command(kScript + " poem </dev/null");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("usage: scripts/quickstart-text dictionary|prose"));
  EXPECT_THAT(result.err, Not(HasSubstr("#")));
}

// The real text, where the package is installed: size, number of documents, no markup.
TEST(QuickstartText, WholeDictionary) {
  const std::string dictionary = "/usr/share/dictd/gcide.dict.dz";
  if (run_command("test -r " + dictionary).exit_code != 0) {
    GTEST_SKIP() << "needs the Debian package dict-gcide (" << dictionary << ")";
  }
  const TempDir dir;
  const std::string output = (dir / "text.jsonl").string();
  const CommandResult result =
      run_command("zcat " + dictionary + " | " + kScript + " dictionary >" + output);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(testing::read_file(output));
  std::string line;
  size_t count = 0;
  size_t bytes = 0;
  size_t tags = 0;
  while (std::getline(lines, line)) {
    const auto text = nlohmann::json::parse(line).at("text").get<std::string>();
    ++count;
    bytes += text.size();
    if (text.find("[1913 Webster]") != std::string::npos) ++tags;
  }
  EXPECT_GT(count, 30'000u);
  EXPECT_LT(count, 60'000u);
  EXPECT_GT(bytes, 25'000'000u);
  EXPECT_LT(bytes, 40'000'000u);
  EXPECT_LT(tags, count / 100);
}

}  // namespace
}  // namespace weft
