#include "weft/tokenizer/pre_splitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/vectors.hpp"
#include "tokenizer/gpt2_pair.hpp"
#include "tokenizer/reference_splitter.hpp"
#include "weft/tokenizer/utf8.hpp"

namespace weft::tokenizer {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(const PreSplitter& splitter, std::string_view text) {
  Pieces pieces;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = splitter.piece_end(text, begin);
    if (end <= begin || end > text.size()) throw std::runtime_error("piece without progress");
    pieces.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

TEST(PreSplitter, CutsTheVectorsTextsAsTheOriginalDoes) {
  const PreSplitter splitter;
  const auto cases = testing::load_vector("gpt2_bpe").at("cases");
  ASSERT_EQ(cases.size(), 36U);
  for (const auto& test : cases) {
    EXPECT_EQ(split(splitter, test.at("text").get<std::string>()), test.at("pieces").get<Pieces>());
  }
}

TEST(PreSplitter, EqualsTheExpressionOnRandomUnicode) {
  const PreSplitter splitter;
  const testing::ReferenceSplitter reference;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const std::string text = testing::random_unicode(seed, 1 + seed % 60);
    ASSERT_EQ(split(splitter, text), reference.split(text)) << "seed " << seed;
  }
}

TEST(PreSplitter, EqualsTheExpressionOnRandomAscii) {
  const PreSplitter splitter;
  const testing::ReferenceSplitter reference;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    std::string text = testing::random_bytes(seed, 1 + seed % 80);
    for (char& c : text) c = static_cast<char>(c & 0x7F);
    ASSERT_EQ(split(splitter, text), reference.split(text)) << "seed " << seed;
  }
}

TEST(PreSplitter, EqualsTheExpressionAroundEveryCodePoint) {
  const PreSplitter splitter;
  const testing::ReferenceSplitter reference;
  constexpr char32_t kPerText = 0x1000;
  for (char32_t first = 0; first < 0x110000; first += kPerText) {
    std::string text;
    for (char32_t c = first; c < first + kPerText; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      append_utf8(text, c);
      text += "a  1";
    }
    ASSERT_EQ(split(splitter, text), reference.split(text)) << "from " << uint32_t{first};
  }
}

TEST(PreSplitter, TakesInvalidBytesForOtherCharacters) {
  const PreSplitter splitter;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    const std::string text = testing::random_bytes(seed, 1 + seed % 50) + "word don't \xFF\xFE x";
    // U+FFFD is such a character, so the expression on the repaired text gives the same cuts.
    Pieces repaired = split(splitter, text);
    for (std::string& piece : repaired) piece = replace_invalid_utf8(piece);
    Pieces expected = testing::ReferenceSplitter().split(replace_invalid_utf8(text));
    ASSERT_EQ(repaired, expected) << "seed " << seed;
  }
}

TEST(PreSplitter, SplitsTheSameOnBothSidesOfASafeCut) {
  const PreSplitter splitter;
  size_t num_cuts = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const std::string text = testing::random_unicode(seed, 40);
    const Pieces whole = split(splitter, text);
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      if (!is_safe_cut(text, cut)) continue;
      Pieces parts = split(splitter, std::string_view(text).substr(0, cut));
      const Pieces rest = split(splitter, std::string_view(text).substr(cut));
      parts.insert(parts.end(), rest.begin(), rest.end());
      ASSERT_EQ(parts, whole) << "seed " << seed << " cut " << cut;
      ++num_cuts;
    }
  }
  EXPECT_GT(num_cuts, 1000U);
}

TEST(CharacterClasses, KnowsTheWhiteSpaceSetAndItsNeighbours) {
  const CharacterClasses classes;
  EXPECT_EQ(classes[0x180E], CharacterClass::other);
  EXPECT_EQ(classes[0x200B], CharacterClass::other);
  EXPECT_EQ(classes[0x1C], CharacterClass::other);
  EXPECT_EQ(classes[0x85], CharacterClass::space);
  EXPECT_EQ(classes[0x3000], CharacterClass::space);
  EXPECT_EQ(classes[0x2160], CharacterClass::number);
  EXPECT_EQ(classes[0x17F], CharacterClass::letter);
  size_t spaces = 0;
  for (char32_t c = 0; c < 0x110000; ++c) spaces += classes[c] == CharacterClass::space ? 1 : 0;
  EXPECT_EQ(spaces, 25U);
}

TEST(CharacterClasses, NamesItsUnicodeVersion) {
  EXPECT_THAT(unicode_version(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace weft::tokenizer
