#include "weft/data/preprocess.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "data/dataset_files.hpp"
#include "data/file_size_limit.hpp"
#include "support/temp_dir.hpp"
#include "support/vectors.hpp"
#include "weft/base/error.hpp"
#include "weft/data/indexed_dataset.hpp"

namespace weft::data {

namespace {

using ::testing::ElementsAre;
using testing::file_names;
using testing::FileSizeLimit;
using ::testing::HasSubstr;
using testing::load_vector;
using ::testing::MatchesRegex;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

constexpr int64_t kEod = 100;

/// Preprocesses text that is token ids already.
class PreprocessTest : public ::testing::Test {
 protected:
  PreprocessResult run(const std::string& text, int64_t workers = 2) {
    config.input = write_file(dir / "in.jsonl", text).string();
    config.output_prefix = (dir / "out").string();
    config.append_eod = true;
    config.workers = workers;
    const auto tokenizer = tokenizer::make_tokenizer(
        {.type = "NullTokenizer", .vocab_file = {}, .merge_file = {}, .vocab_size = kEod});
    return preprocess(config, *tokenizer, logger);
  }

  /// The message of the error that `text` leads to; nothing but the input may be left.
  std::string refusal(const std::string& text, int64_t workers = 2) {
    try {
      run(text, workers);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_THAT(file_names(dir.path()), ElementsAre("in.jsonl"));
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }

  IndexedDataset output(const std::string& key = "text") const {
    return IndexedDataset((dir / ("out_" + key + "_document")).string());
  }

  TempDir dir;
  PreprocessConfig config;
  RecordingLogger logger;
};

/// Tokens of each document, sequence by sequence.
std::vector<std::vector<std::vector<int64_t>>> documents(const IndexedDataset& dataset) {
  std::vector<std::vector<std::vector<int64_t>>> all;
  for (int64_t d = 0; d < dataset.num_documents(); ++d) {
    auto& document = all.emplace_back();
    for (int64_t s = dataset.document_start(d); s < dataset.document_start(d + 1); ++s) {
      document.emplace_back(static_cast<size_t>(dataset.length(s)));
      dataset.read(s, 0, document.back());
    }
  }
  return all;
}

/// `count` documents of random length; some are empty, some are lists of sentences.
std::string random_documents(int count, uint32_t seed) {
  std::mt19937 random(seed);
  const auto sentence = [&random] {
    std::string ids;
    for (uint64_t i = random() % 60; i > 0; --i) ids += std::to_string(random() % kEod) + " ";
    return ids;
  };
  std::string text;
  for (int d = 0; d < count; ++d) {
    nlohmann::json value = sentence();
    if (random() % 3 == 0) value = {sentence(), sentence(), sentence()};
    text += nlohmann::json{{"text", value}, {"title", sentence()}}.dump() + "\n";
  }
  return text;
}

TEST_F(PreprocessTest, KeepsEmptyDocumentsAndDropsEmptySentences) {
  const auto result = run(R"({"text": "1 2"})"
                          "\n"
                          R"({"text": ""})"
                          "\n"
                          R"({"text": ["3", "", "4 5"], "ignored": 1})"
                          "\n"
                          R"({"text": []})"
                          "\n");
  EXPECT_EQ(result.documents, 4);
  EXPECT_EQ(result.tokens, 7);
  EXPECT_THAT(documents(output()),
              ElementsAre(ElementsAre(ElementsAre(1, 2, kEod)), ElementsAre(),
                          ElementsAre(ElementsAre(3), ElementsAre(4, 5, kEod)), ElementsAre()));
}

TEST_F(PreprocessTest, GivesTheSameBytesFromAnyNumberOfWorkers) {
  config.json_keys = {"text", "title"};
  const std::string text = random_documents(3000, 5);
  const PreprocessResult serial = run(text, 1);
  std::vector<std::string> expected;
  for (const std::string& file : serial.files) expected.push_back(read_file(file));
  EXPECT_EQ(serial.files.size(), 4u);
  for (const int64_t workers : {2, 7}) {
    const PreprocessResult parallel = run(text, workers);
    EXPECT_EQ(parallel.files, serial.files);
    EXPECT_EQ(parallel.tokens, serial.tokens);
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(read_file(serial.files[i]), expected[i]) << serial.files[i] << ", " << workers;
    }
  }
}

TEST_F(PreprocessTest, CountsTheBytesOfTheInput) {
  for (const char* end : {"\n", "", " ", "\r\n"}) {
    const std::string text = "{\"text\": \"1\"}\n{\"text\": \"2\"}" + std::string(end);
    const PreprocessResult result = run(text);
    EXPECT_EQ(result.documents, 2);
    EXPECT_EQ(result.bytes, static_cast<int64_t>(text.size()));
  }
}

TEST_F(PreprocessTest, ReportsProgressInMegatronsWords) {
  config.log_interval = 2;
  run(random_documents(5, 1));
  ASSERT_EQ(logger.infos.size(), 3u);
  EXPECT_EQ(logger.infos[0], "Opening " + config.input);
  const std::string number = "[0-9.e+-]+";
  for (const int count : {2, 4}) {
    EXPECT_THAT(logger.infos[static_cast<size_t>(count) / 2],
                MatchesRegex("Processed " + std::to_string(count) + " documents \\(" + number +
                             " docs/s, " + number + " MB/s\\)\\."));
  }
}

TEST_F(PreprocessTest, NamesTheFirstWrongLineWhateverTheWorkers) {
  const std::string good = random_documents(700, 2);
  for (const int64_t workers : {1, 4}) {
    for (const char* line : {"[1]", "{", R"({"title": "1"})", R"({"text": null})",
                             R"({"text": ["1", 2]})", R"({"text": "word"})"}) {
      const std::string message =
          refusal(good + line + "\n" + random_documents(200, 3) + "also wrong\n", workers);
      EXPECT_THAT(message, HasSubstr(config.input + ":701")) << line;
    }
  }
}

TEST_F(PreprocessTest, LeavesNoKeyWhenTheDiskFillsUpInAnother) {
  config.json_keys = {"title", "text"};
  std::string text;
  for (int d = 0; d < 2000; ++d)
    text += R"({"text": "1 2 3 4 5 6 7 8 9", "title": ""})"
            "\n";
  config.input = write_file(dir / "in.jsonl", text).string();
  // The titles' files fit (0 and 16 kB), the texts' do not (40 and 40 kB).
  const FileSizeLimit full(30000);
  const auto tokenizer = tokenizer::make_tokenizer(
      {.type = "NullTokenizer", .vocab_file = {}, .merge_file = {}, .vocab_size = kEod});
  config.output_prefix = (dir / "out").string();
  config.append_eod = true;
  try {
    preprocess(config, *tokenizer, logger);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(), HasSubstr("out_text_document"));
  }
  EXPECT_THAT(file_names(dir.path()), ElementsAre("in.jsonl"));
}

TEST_F(PreprocessTest, GivesTheTokenCountsOfMegatronForTheNews) {
  const auto news = testing::reference_file("data/news.jsonl");
  const auto vocab = testing::reference_file("data/gpt2/vocab.json");
  if (!news || !vocab) GTEST_SKIP() << "needs the reference's news.jsonl and GPT-2 files";
  const auto tokenizer =
      tokenizer::make_tokenizer({.vocab_file = vocab->string(),
                                 .merge_file = (vocab->parent_path() / "merges.txt").string()});
  config.input = news->string();
  config.output_prefix = (dir / "out").string();
  config.workers = 2;
  const PreprocessResult result = preprocess(config, *tokenizer, logger);
  const auto vector = load_vector("gpt2_bpe");
  const auto counts = vector.at("dataset_json_doc_token_counts_without_eod");
  EXPECT_EQ(result.tokens, vector.at("dataset_json_total_tokens_without_eod").get<int64_t>());
  EXPECT_EQ(result.bytes, static_cast<int64_t>(std::filesystem::file_size(*news)));
  const IndexedDataset dataset = output();
  ASSERT_GE(dataset.num_sequences(), static_cast<int64_t>(counts.size()));
  for (size_t i = 0; i < counts.size(); ++i) {
    EXPECT_EQ(dataset.length(static_cast<int64_t>(i)), counts[i].get<int64_t>()) << "line " << i;
  }
}

}  // namespace

}  // namespace weft::data
