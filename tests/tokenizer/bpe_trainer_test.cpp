#include "weft/tokenizer/bpe_trainer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "support/temp_dir.hpp"
#include "tokenizer/gpt2_pair.hpp"
#include "weft/base/error.hpp"
#include "weft/tokenizer/byte_alphabet.hpp"
#include "weft/tokenizer/gpt2_bpe_tokenizer.hpp"
#include "weft/tokenizer/pre_splitter.hpp"

namespace weft::tokenizer {
namespace {

WordCounts counts_of(std::initializer_list<std::pair<std::string, int64_t>> words) {
  WordCounts counts;
  counts.words.assign(words.begin(), words.end());
  return counts;
}

/// English-like text with line ends, so that small vocabularies fill up.
std::string random_text(uint64_t seed, size_t num_words) {
  std::mt19937_64 random(seed);
  std::string text;
  for (size_t i = 0; i < num_words; ++i) {
    for (uint64_t length = 1 + random() % 6; length > 0; --length) {
      text += "etaoinshrdlu"[(random() % 12) * (random() % 12) / 12];
    }
    text += random() % 10 == 0 ? "\n" : " ";
  }
  return text;
}

/// Training as it is defined: count all pairs anew for every merge.
MergeList train_by_the_rule(const WordCounts& counts, int64_t vocab_size, int64_t min_frequency) {
  std::map<std::string, size_t> ids;
  std::vector<std::string> pieces;
  for (const uint8_t byte : base_bytes()) {
    ids.emplace(std::string(1, static_cast<char>(byte)), pieces.size());
    pieces.emplace_back(1, static_cast<char>(byte));
  }
  std::vector<std::vector<size_t>> words;
  for (const auto& [text, count] : counts.words) {
    auto& word = words.emplace_back();
    for (const char byte : text) word.push_back(ids.at(std::string(1, byte)));
  }
  MergeList merges;
  while (static_cast<int64_t>(pieces.size()) + 1 < vocab_size) {
    std::map<std::pair<size_t, size_t>, int64_t> pairs;
    for (size_t w = 0; w < words.size(); ++w) {
      for (size_t i = 0; i + 1 < words[w].size(); ++i) {
        // In a run such as "aaa" the pair (a, a) counts twice.
        pairs[{words[w][i], words[w][i + 1]}] += counts.words[w].second;
      }
    }
    auto best = pairs.begin();
    for (auto it = pairs.begin(); it != pairs.end(); ++it) {
      if (it->second > best->second) best = it;
    }
    if (best == pairs.end() || best->second < min_frequency) break;
    const auto [left, right] = best->first;
    const auto [id, is_new] = ids.emplace(pieces[left] + pieces[right], pieces.size());
    const std::pair<std::string, std::string> merge{pieces[left], pieces[right]};
    if (is_new) pieces.push_back(id->first);
    if (std::ranges::find(merges, merge) == merges.end()) merges.push_back(merge);
    for (auto& word : words) {
      std::vector<size_t> merged;
      for (size_t i = 0; i < word.size(); ++i) {
        const bool joins = i + 1 < word.size() && word[i] == left && word[i + 1] == right;
        merged.push_back(joins ? id->second : word[i]);
        if (joins) ++i;
      }
      word = merged;
    }
  }
  return merges;
}

TEST(BpeTrainer, LearnsTheExampleWorkedByHand) {
  // e-s occurs 6 + 3 = 9 times (es-t too, w-e 2 + 6 = 8, l-o and o-w 5 + 2 = 7).
  const auto counts = counts_of({{"low", 5}, {"lower", 2}, {"newest", 6}, {"widest", 3}});
  const auto bpe = train_bpe(counts, {.vocab_size = 261});
  // After es and est: l-o and o-w both have 7; l has the smaller id.
  const MergeList expected = {{"e", "s"}, {"es", "t"}, {"l", "o"}, {"lo", "w"}};
  EXPECT_EQ(bpe.merges, expected);
  EXPECT_EQ(bpe.vocab_size(), 261);
  EXPECT_EQ(bpe.pieces.back(), "low");
}

TEST(BpeTrainer, StopsAtRarePairs) {
  const auto counts = counts_of({{"ab", 2}, {"cd", 1}});
  EXPECT_EQ(train_bpe(counts, {.vocab_size = 1000}).merges, (MergeList{{"a", "b"}}));
  EXPECT_EQ(train_bpe(counts, {.vocab_size = 1000, .min_frequency = 1}).merges.size(), 2U);
  EXPECT_EQ(train_bpe(counts, {.vocab_size = 257}).merges.size(), 0U);
}

TEST(BpeTrainer, FollowsTheDefinitionOnRandomWords) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 40; ++round) {
    std::map<std::string, int64_t> words;
    for (int i = 0; i < 30; ++i) {
      std::string word(1 + random() % 9, 'a');
      for (char& c : word) c = static_cast<char>('a' + random() % (2 + round % 3));
      words[word] += static_cast<int64_t>(1 + random() % 4);
    }
    WordCounts counts;
    counts.words.assign(words.begin(), words.end());
    const auto bpe = train_bpe(counts, {.vocab_size = 310});
    ASSERT_EQ(bpe.merges, train_by_the_rule(counts, 310, 2)) << "round " << round;
  }
}

TEST(BpeTrainer, RefusesImpossibleSizes) {
  const auto counts = counts_of({{"ab", 2}});
  for (const int64_t size : {int64_t{-1}, int64_t{256}, int64_t{1} << 40}) {
    try {
      train_bpe(counts, {.vocab_size = size});
      FAIL() << size;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr("--vocab-size is " + std::to_string(size)));
    }
  }
}

TEST(BpeTrainer, WritesAPairThatLoadsAndRoundTrips) {
  const testing::TempDir dir;
  const auto input = testing::write_file(dir / "text", random_text(1, 5000));
  const auto counts = count_words({.inputs = {input.string()}});
  const auto bpe = train_bpe(counts, {.vocab_size = 500});
  const auto files = write_bpe(bpe, dir / "new" / "folder");
  const Gpt2BpeTokenizer tokenizer(files.vocab, files.merges);
  EXPECT_EQ(tokenizer.vocab_size(), 500);
  EXPECT_EQ(tokenizer.eod(), 499);
  for (size_t id = 0; id < bpe.pieces.size(); ++id) {
    const std::vector<TokenId> ids = tokenizer.encode(bpe.pieces[id]);
    ASSERT_EQ(tokenizer.decode_bytes(ids), bpe.pieces[id]);
    EXPECT_EQ(tokenizer.decode_bytes(std::vector<TokenId>{static_cast<TokenId>(id)}),
              bpe.pieces[id]);
  }
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string bytes = testing::random_bytes(seed, seed);
    EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode(bytes)), bytes);
  }
  const std::string fresh = random_text(2, 2000);
  EXPECT_LT(tokenizer.encode(fresh).size(), fresh.size() / 2);
  EXPECT_THAT(testing::read_file(files.merges), ::testing::StartsWith("#version: 0.2\n"));
  EXPECT_THAT(testing::read_file(files.merges), ::testing::EndsWith("\n"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir / "new" / "folder"), {}), 2);
}

TEST(BpeTrainer, NamesADirectoryThatCannotBe) {
  const testing::TempDir dir;
  const auto file = testing::write_file(dir / "file", "");
  try {
    write_bpe(train_bpe(counts_of({}), {.vocab_size = 257}), file / "below");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(), ::testing::HasSubstr((file / "below").string()));
  }
}

TEST(WordCounts, DoNotDependOnWorkersOrBlocks) {
  const testing::TempDir dir;
  std::string text = random_text(5, 20000);
  for (uint64_t seed = 0; seed < 200; ++seed) text += testing::random_unicode(seed, 50);
  text += std::string(3000, 'x') + std::string(3000, ' ') + "\xFF end";
  const auto first = testing::write_file(dir / "first", text).string();
  const auto second = testing::write_file(dir / "second", " tail don't").string();

  std::map<std::string, int64_t> expected;
  const PreSplitter splitter;
  for (const std::string& file : {text, std::string(" tail don't")}) {
    for (size_t begin = 0; begin < file.size();) {
      const size_t end = splitter.piece_end(file, begin);
      ++expected[file.substr(begin, end - begin)];
      begin = end;
    }
  }
  for (const int workers : {1, 2, 5}) {
    for (const size_t block : {size_t{1}, size_t{7}, size_t{1000}, size_t{1} << 22}) {
      if (block == 1 && workers > 1) continue;
      const auto counts =
          count_words({.inputs = {first, second}, .workers = workers, .block_bytes = block});
      EXPECT_EQ(counts.bytes, static_cast<int64_t>(text.size() + 11));
      ASSERT_EQ((std::map<std::string, int64_t>(counts.words.begin(), counts.words.end())),
                expected)
          << workers << " workers, blocks of " << block;
      EXPECT_TRUE(std::ranges::is_sorted(counts.words));
    }
  }
}

TEST(WordCounts, NamesAFileThatCannotBeRead) {
  const testing::TempDir dir;
  for (const auto& path : {dir / "missing", dir.path()}) {
    try {
      count_words({.inputs = {path.string()}, .workers = 3});
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(path.string()));
    }
  }
  EXPECT_TRUE(count_words({.inputs = {testing::write_file(dir / "e", "").string()}}).words.empty());
}

}  // namespace
}  // namespace weft::tokenizer
