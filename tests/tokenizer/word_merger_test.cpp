#include "weft/tokenizer/word_merger.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace weft::tokenizer {
namespace {

using Pieces = std::vector<std::string>;

/// The rule as it is written down: find the lowest pair, merge it everywhere, start again.
Pieces merge_by_the_rule(const MergeList& merges, const std::string& word) {
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  for (size_t i = 0; i < merges.size(); ++i) ranks[merges[i]] = i;
  Pieces pieces;
  for (const char c : word) pieces.emplace_back(1, c);
  while (true) {
    size_t best = merges.size();
    for (size_t i = 0; i + 1 < pieces.size(); ++i) {
      const auto found = ranks.find({pieces[i], pieces[i + 1]});
      if (found != ranks.end()) best = std::min(best, found->second);
    }
    if (best == merges.size()) return pieces;
    Pieces next;
    for (size_t i = 0; i < pieces.size(); ++i) {
      const bool joins = i + 1 < pieces.size() && pieces[i] == merges[best].first &&
                         pieces[i + 1] == merges[best].second;
      next.push_back(joins ? pieces[i] + pieces[i + 1] : pieces[i]);
      if (joins) ++i;
    }
    pieces = next;
  }
}

Pieces merge(const MergeTable& table, const std::string& word) {
  WordMerger merger(table);
  Pieces pieces;
  for (const Symbol symbol : merger.merge(word)) pieces.push_back(table.pieces().at(symbol));
  return pieces;
}

/// Merges over {a, b, c} in an arbitrary order, so that later pairs may have lower ranks, with
/// pieces that several pairs make, and with repeated lines.
MergeList random_merges(std::mt19937_64& random) {
  Pieces pieces = {"a", "b", "c"};
  MergeList merges;
  for (int i = 0; i < 12; ++i) {
    const auto& left = pieces[random() % pieces.size()];
    const auto& right = pieces[random() % pieces.size()];
    merges.emplace_back(left, right);
    pieces.push_back(left + right);
  }
  std::shuffle(merges.begin(), merges.end(), random);
  return merges;
}

TEST(WordMerger, FollowsTheRuleForShortAndLongWords) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    const MergeList merges = random_merges(random);
    const MergeTable table(merges);
    for (const size_t length : {1U, 2U, 5U, 17U, 64U, 65U, 200U}) {
      std::string word(length, ' ');
      for (char& c : word) c = static_cast<char>('a' + random() % 3);
      ASSERT_EQ(merge(table, word), merge_by_the_rule(merges, word)) << word;
    }
  }
}

TEST(WordMerger, MergesFromLeftToRight) {
  const MergeTable table(MergeList{{"a", "a"}});
  EXPECT_EQ(merge(table, "aaa"), (Pieces{"aa", "a"}));
  EXPECT_EQ(merge(table, std::string(101, 'a')).back(), "a");
}

TEST(WordMerger, LeavesBytesWithoutMergesAlone) {
  const MergeTable table(MergeList{});
  EXPECT_EQ(merge(table, std::string("\0\xFF", 2)), (Pieces{std::string(1, '\0'), "\xFF"}));
}

}  // namespace
}  // namespace weft::tokenizer
