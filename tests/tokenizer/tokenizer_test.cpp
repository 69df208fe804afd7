#include "weft/tokenizer/tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.hpp"
#include "support/vectors.hpp"
#include "tokenizer/gpt2_pair.hpp"
#include "weft/base/error.hpp"
#include "weft/tokenizer/byte_alphabet.hpp"
#include "weft/tokenizer/null_tokenizer.hpp"

namespace weft::tokenizer {
namespace {

using ::testing::HasSubstr;

/// Runs `action`, which must throw an Error of `kind`; returns its message and hint.
template <typename Action>
std::string error_of(ErrorKind kind, Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return std::string(error.what()) + " | " + error.hint();
  }
  ADD_FAILURE() << "no error";
  return "";
}

class HostileFiles : public ::testing::Test {
 protected:
  std::string load(const std::string& vocab, const std::string& merges) {
    const auto vocab_file = testing::write_file(dir_ / "vocab.json", vocab);
    const auto merge_file = testing::write_file(dir_ / "merges.txt", merges);
    return error_of(ErrorKind::data, [&] {
      make_tokenizer({.vocab_file = vocab_file.string(), .merge_file = merge_file.string()});
    });
  }

  const std::string good_vocab_ = R"({"a": 0, "b": 1, "<|endoftext|>": 2})";
  const std::string good_merges_ = "#version: 0.2\na b\n";
  testing::TempDir dir_;
};

TEST_F(HostileFiles, VocabularyErrorsNameTheEntry) {
  EXPECT_THAT(load("", good_merges_), HasSubstr("not JSON"));
  EXPECT_THAT(load(R"({"a": 0)", good_merges_), HasSubstr("not JSON (error at byte 8)"));
  EXPECT_THAT(load("{\"\xFF\": 0}", good_merges_), HasSubstr("not JSON"));
  EXPECT_THAT(load(R"({"\ud800": 0})", good_merges_), HasSubstr("not JSON"));
  EXPECT_THAT(load("[1, 2]", good_merges_), HasSubstr("holds a JSON array"));
  EXPECT_THAT(load(std::string(100000, '['), good_merges_), HasSubstr("not JSON"));
  EXPECT_THAT(load("{}", good_merges_), HasSubstr("has no <|endoftext|>"));
  EXPECT_THAT(load(R"({"a": 0, "b": 1})", good_merges_), HasSubstr("has no <|endoftext|>"));
  EXPECT_THAT(load(R"({"a": "0", "<|endoftext|>": 1})", good_merges_),
              HasSubstr(R"(the id of "a" is "0", expected an integer)"));
  EXPECT_THAT(load(R"({"a": 0.5, "<|endoftext|>": 1})", good_merges_), HasSubstr("is 0.5"));
  EXPECT_THAT(load(R"({"a": -1, "<|endoftext|>": 1})", good_merges_), HasSubstr("expected 0..1"));
  EXPECT_THAT(load(R"({"a": 2, "<|endoftext|>": 1})", good_merges_), HasSubstr("expected 0..1"));
  EXPECT_THAT(load(R"({"a": 18446744073709551615, "<|endoftext|>": 1})", good_merges_),
              HasSubstr("expected 0..1"));
  EXPECT_THAT(load(R"({"a": 99999999999999999999999, "<|endoftext|>": 1})", good_merges_),
              HasSubstr("expected an integer"));
  EXPECT_THAT(load(R"({"a": 1, "b": 0, "<|endoftext|>": 1})", good_merges_),
              HasSubstr("share the id 1"));
}

TEST_F(HostileFiles, MergeErrorsNameTheLine) {
  EXPECT_THAT(load(good_vocab_, ""), HasSubstr("has no line"));
  EXPECT_THAT(load(good_vocab_, "v\nab\n"), HasSubstr("line 2: 'ab'"));
  EXPECT_THAT(load(good_vocab_, "v\na b\n\nb a\n"), HasSubstr("line 3: ''"));
  EXPECT_THAT(load(good_vocab_, "v\na b c\n"), HasSubstr("line 2"));
  EXPECT_THAT(load(good_vocab_, "v\na  b\n"), HasSubstr("line 2"));
  EXPECT_THAT(load(good_vocab_, "v\n b\n"), HasSubstr("line 2"));
  EXPECT_THAT(load(good_vocab_, "v\na \xFF\n"), HasSubstr("byte alphabet"));
  EXPECT_THAT(load(good_vocab_, "v\na \xE4\xBD\xA0\n"), HasSubstr("byte alphabet"));
  EXPECT_THAT(load(good_vocab_, std::string("v\na \0\n", 6)), HasSubstr("byte alphabet"));
}

TEST_F(HostileFiles, MissingFilesAreNamed) {
  const std::string missing = (dir_ / "nowhere.json").string();
  const auto present = testing::write_file(dir_ / "vocab.json", good_vocab_).string();
  EXPECT_THAT(error_of(ErrorKind::data,
                       [&] { make_tokenizer({.vocab_file = missing, .merge_file = missing}); }),
              HasSubstr(missing));
  EXPECT_THAT(error_of(ErrorKind::data,
                       [&] { make_tokenizer({.vocab_file = present, .merge_file = missing}); }),
              HasSubstr(missing));
  const std::string folder = dir_.path().string();
  error_of(ErrorKind::data, [&] { make_tokenizer({.vocab_file = folder, .merge_file = missing}); });
}

TEST_F(HostileFiles, AcceptsWhatTheOriginalAccepts) {
  const auto vocab =
      testing::write_file(dir_ / "v", R"({"a": 3, "ab": 1, "<my token>": 0, "<|endoftext|>": 2})");
  // Windows line ends; a last line without newline is dropped; an unknown piece has id 0.
  const auto merges = testing::write_file(dir_ / "m", "v\r\na b\r\nb a");
  const auto tokenizer =
      make_tokenizer({.vocab_file = vocab.string(), .merge_file = merges.string()});
  EXPECT_EQ(tokenizer->encode("abba"), (std::vector<TokenId>{1, 0, 3}));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{0, 1, 2}), "<my token>ab<|endoftext|>");
  EXPECT_EQ(tokenizer->vocab_size(), 4);
  EXPECT_EQ(tokenizer->eod(), 2);
}

TEST(MakeTokenizer, NamesTheMissingFlag) {
  EXPECT_THAT(error_of(ErrorKind::usage, [] { make_tokenizer({}); }), HasSubstr("--vocab-file"));
  EXPECT_THAT(error_of(ErrorKind::usage, [] { make_tokenizer({.vocab_file = "v"}); }),
              HasSubstr("--merge-file"));
  EXPECT_THAT(error_of(ErrorKind::usage, [] { make_tokenizer({.type = "NullTokenizer"}); }),
              HasSubstr("--vocab-size"));
  EXPECT_THAT(error_of(ErrorKind::usage, [] { make_tokenizer({.type = "Llama2Tokenizer"}); }),
              HasSubstr("'Llama2Tokenizer', expected GPT2BPETokenizer or NullTokenizer"));
}

TEST(NullTokenizer, ReadsAndWritesNumbers) {
  const auto tokenizer = make_tokenizer({.type = "NullTokenizer", .vocab_size = 100});
  EXPECT_EQ(tokenizer->vocab_size(), 101);
  EXPECT_EQ(tokenizer->eod(), 100);
  EXPECT_EQ(tokenizer->encode(" 1 2\n100\t0 "), (std::vector<TokenId>{1, 2, 100, 0}));
  EXPECT_EQ(tokenizer->encode("  "), std::vector<TokenId>{});
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{7, 0, 100}), "7 0 100");
  for (const char* bad : {"x", "1x", "-1", "101", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(error_of(ErrorKind::data, [&] { tokenizer->encode(bad); }), HasSubstr(bad));
  }
  error_of(ErrorKind::data, [&] { tokenizer->decode(std::vector<TokenId>{101}); });
  error_of(ErrorKind::usage, [] { NullTokenizer(int64_t{1} << 31); });
}

TEST(PaddedVocabSize, RoundsUpAsTheReferenceSays) {
  EXPECT_EQ(padded_vocab_size(50257, 128, 1), 50304);
  EXPECT_EQ(padded_vocab_size(50257, 128, 2), 50432);
  EXPECT_EQ(padded_vocab_size(50257, 128, 4), 50688);
  EXPECT_EQ(padded_vocab_size(50257, 128, 8), 51200);
  EXPECT_EQ(padded_vocab_size(128, 128, 1), 128);
  EXPECT_EQ(padded_vocab_size(129, 1, 1), 129);
  error_of(ErrorKind::usage, [] { padded_vocab_size(0, 128, 1); });
  EXPECT_THAT(error_of(ErrorKind::usage, [] { padded_vocab_size(10, 0, 1); }),
              HasSubstr("--make-vocab-size-divisible-by is 0"));
  error_of(ErrorKind::usage, [] { padded_vocab_size(10, int64_t{1} << 30, 4); });
}

TEST(ByteAlphabet, MapsBytesAsTheVectorsSay) {
  const auto expected =
      testing::load_vector("gpt2_bpe").at("byte_to_unicode_codepoint").get<std::vector<uint32_t>>();
  ASSERT_EQ(expected.size(), 256U);
  const ByteAlphabet alphabet;
  std::string all;
  for (size_t byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(uint32_t{alphabet.character(static_cast<uint8_t>(byte))}, expected[byte]) << byte;
    all.push_back(static_cast<char>(byte));
  }
  EXPECT_EQ(alphabet.unspell(alphabet.spell(all)), all);
  EXPECT_EQ(alphabet.unspell(" "), std::nullopt);
  EXPECT_EQ(alphabet.unspell("\xC3"), std::nullopt);
  EXPECT_EQ(base_bytes().front(), '!');
  EXPECT_EQ(base_bytes().back(), 0xAD);
}

}  // namespace
}  // namespace weft::tokenizer
