#include "weft/tokenizer/gpt2_bpe_tokenizer.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/vectors.hpp"
#include "tokenizer/gpt2_pair.hpp"
#include "weft/base/error.hpp"
#include "weft/tokenizer/utf8.hpp"

namespace weft::tokenizer {
namespace {

using Ids = std::vector<int>;

/// The texts of news.jsonl, by line; empty when the reference is absent.
std::vector<std::string> news_texts() {
  std::vector<std::string> texts;
  const auto path = testing::reference_file("data/news.jsonl");
  if (!path) return texts;
  std::ifstream in(*path);
  for (std::string line; std::getline(in, line);) {
    texts.push_back(nlohmann::json::parse(line).at("text").get<std::string>());
  }
  return texts;
}

TEST(Gpt2BpeTokenizer, EncodesTheVectorCases) {
  const auto& pair = testing::gpt2_pair();
  const auto vector = testing::load_vector("gpt2_bpe");
  ASSERT_EQ(vector.at("cases").size(), 36U);
  for (const auto& test : vector.at("cases")) {
    const auto text = test.at("text").get<std::string>();
    const auto ids = test.at("ids").get<Ids>();
    EXPECT_EQ(pair.encode(text), ids) << text;
    EXPECT_EQ(pair.tokenizer->decode(pair.own_ids(ids)), text);
  }
}

TEST(Gpt2BpeTokenizer, ReadsSizeAndEndOfText) {
  const auto& pair = testing::gpt2_pair();
  const auto vector = testing::load_vector("gpt2_bpe");
  EXPECT_EQ(pair.gpt2_ids.at(static_cast<size_t>(pair.tokenizer->eod())), vector.at("eod"));
  if (pair.is_full) {
    EXPECT_EQ(pair.tokenizer->vocab_size(), vector.at("vocab_size"));
  }
}

TEST(Gpt2BpeTokenizer, EncodesWholeDocuments) {
  const auto& pair = testing::gpt2_pair();
  const auto vector = testing::load_vector("gpt2_bpe");
  const auto texts = news_texts();
  ASSERT_FALSE(vector.at("dataset_json_first_docs").empty());
  for (const auto& document : vector.at("dataset_json_first_docs")) {
    auto ids = document.at("ids_with_eod").get<Ids>();
    ASSERT_EQ(ids.back(), vector.at("eod"));
    ids.pop_back();
    const std::string text = pair.tokenizer->decode(pair.own_ids(ids));
    EXPECT_EQ(pair.encode(text), ids);
    if (!texts.empty()) {
      EXPECT_EQ(text, texts.at(document.at("line")));
    }
  }
}

TEST(Gpt2BpeTokenizer, CountsTheTokensOfTheNews) {
  const auto& pair = testing::gpt2_pair();
  const auto texts = news_texts();
  if (texts.empty() || !pair.is_full) GTEST_SKIP() << "needs the reference's gpt2 pair and news";
  const auto vector = testing::load_vector("gpt2_bpe");
  const auto counts = vector.at("dataset_json_doc_token_counts_without_eod").get<Ids>();
  ASSERT_EQ(texts.size(), counts.size());
  size_t total = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const size_t count = pair.tokenizer->encode(texts[i]).size();
    EXPECT_EQ(count, static_cast<size_t>(counts[i])) << "document " << i;
    total += count;
  }
  EXPECT_EQ(total, vector.at("dataset_json_total_tokens_without_eod").get<size_t>());
  EXPECT_EQ(total, 234856U);
}

TEST(Gpt2BpeTokenizer, DecodesInvalidUtf8AsPythonDoes) {
  const auto& pair = testing::gpt2_pair();
  const auto decode = testing::load_vector("gpt2_bpe").at("decode_invalid");
  EXPECT_EQ(pair.tokenizer->decode(pair.own_ids(decode.at("ids").get<Ids>())),
            decode.at("text").get<std::string>());
}

TEST(Gpt2BpeTokenizer, GivesEveryByteStringBack) {
  const auto& tokenizer = *testing::gpt2_pair().tokenizer;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const std::string bytes = testing::random_bytes(seed, seed % 200);
    ASSERT_EQ(tokenizer.decode_bytes(tokenizer.encode(bytes)), bytes) << "seed " << seed;
    const std::string text = testing::random_unicode(seed, seed % 100);
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text) << "seed " << seed;
  }
}

TEST(Gpt2BpeTokenizer, KeepsLongPiecesShortInTime) {
  const auto& tokenizer = *testing::gpt2_pair().tokenizer;
  const std::string text = std::string(1 << 20, 'a') + std::string(1 << 20, ' ') + "\xFF";
  EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode(text)), text);
}

TEST(Gpt2BpeTokenizer, GivesTheSameIdsFromManyThreadsAndCaches) {
  const std::string vocab_file = testing::test_data("gpt2-small/vocab.json").string();
  const std::string merge_file = testing::test_data("gpt2-small/merges.txt").string();
  const auto text_of = [](uint64_t seed) { return testing::random_unicode(seed, 100); };
  constexpr uint64_t kNumTexts = 20;
  std::vector<Ids> expected;
  for (uint64_t seed = 0; seed < kNumTexts; ++seed) {  // each with an empty cache
    expected.push_back(Gpt2BpeTokenizer(vocab_file, merge_file).encode(text_of(seed)));
  }
  const Gpt2BpeTokenizer tokenizer(vocab_file, merge_file);
  std::vector<int> differences(4, 0);
  {
    std::vector<std::jthread> threads;
    for (int& count : differences) {
      threads.emplace_back([&count, &tokenizer, &expected, &text_of] {
        for (uint64_t i = 0; i < 10 * kNumTexts; ++i) {
          const uint64_t seed = i % kNumTexts;
          if (tokenizer.encode(text_of(seed)) != expected[seed]) ++count;
        }
      });
    }
  }
  EXPECT_EQ(differences, std::vector<int>(4, 0));
}

TEST(Gpt2BpeTokenizer, RefusesUnknownIds) {
  const auto& tokenizer = *testing::gpt2_pair().tokenizer;
  for (const TokenId id : {TokenId{-1}, static_cast<TokenId>(tokenizer.vocab_size())}) {
    try {
      tokenizer.decode(std::vector<TokenId>{0, id});
      FAIL() << id;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find(std::to_string(id)), std::string::npos);
    }
  }
}

TEST(Utf8, ReplacesMaximalSubparts) {
  // Python: bytes.decode("utf-8", errors="replace")
  const std::string kOne = "\xEF\xBF\xBD";
  EXPECT_EQ(replace_invalid_utf8("\xE4\xBD"), kOne);
  EXPECT_EQ(replace_invalid_utf8("\xE4\xBDz"), kOne + "z");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), kOne + kOne + kOne);
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF"), kOne + kOne);
  EXPECT_EQ(replace_invalid_utf8("\xF0\x9F\x98"), kOne);
  EXPECT_EQ(replace_invalid_utf8("\xF4\x90\x80\x80"), kOne + kOne + kOne + kOne);
  EXPECT_EQ(replace_invalid_utf8("\xF5\x80"), kOne + kOne);
  EXPECT_EQ(replace_invalid_utf8("ok \xF0\x9F\x98\x80"), "ok \xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace weft::tokenizer
