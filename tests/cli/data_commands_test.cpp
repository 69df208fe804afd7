#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"
#include "support/vectors.hpp"

namespace weft::testing {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

CommandResult weft(const std::string& arguments) {
  return run_command(std::string(WEFT_BINARY) + " " + arguments);
}

size_t num_files(const fs::path& directory) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

/// Documents as token ids for NullTokenizer: "0 1 2 ...".
std::string documents(int count) {
  std::string text;
  for (int d = 0; d < count; ++d) {
    std::string ids;
    for (int i = 0; i < d % 7; ++i) ids += std::to_string((d + i) % 50) + " ";
    text += Json{{"text", ids}, {"title", std::to_string(d % 50)}, {"id", d}}.dump() + "\n";
  }
  return text;
}

class DataCommands : public ::testing::Test {
 protected:
  DataCommands() { write_file(dir / "in.jsonl", documents(500)); }

  std::string path(const std::string& name) const { return (dir / name).string(); }

  std::string preprocess(const std::string& output, const std::string& more = "") const {
    return "preprocess --input " + path("in.jsonl") + " --output-prefix " + path(output) +
           " --tokenizer-type NullTokenizer --vocab-size 50 --append-eod --json --quiet " + more;
  }

  void expect_refused(const std::string& command, int exit_code, const std::string& part) const {
    const size_t before = num_files(dir.path());
    const CommandResult result = weft(command);
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_EQ(num_files(dir.path()), before) << "files are left after: " << command;
  }

  TempDir dir;
};

TEST_F(DataCommands, PreprocessGivesTheSameFilesFromAnyNumberOfWorkers) {
  const CommandResult one = weft(preprocess("one", "--workers 1 --json-keys text title"));
  ASSERT_EQ(one.exit_code, 0) << one.err;
  const Json result = Json::parse(one.out);
  EXPECT_EQ(result.at("documents"), 500);
  EXPECT_EQ(result.at("bytes").get<size_t>(), documents(500).size());
  EXPECT_EQ(result.at("files").size(), 4u);
  ASSERT_EQ(weft(preprocess("four", "--workers 4 --json-keys text title")).exit_code, 0);
  for (const char* end :
       {"_text_document.bin", "_text_document.idx", "_title_document.bin", "_title_document.idx"}) {
    EXPECT_EQ(read_file(path("one") + end), read_file(path("four") + end)) << end;
  }
}

TEST_F(DataCommands, PreprocessTakesListsOfSentences) {
  write_file(dir / "in.jsonl", R"({"text": ["1 2", "", "3"]})"
                               "\n"
                               R"({"text": []})"
                               "\n");
  ASSERT_EQ(weft(preprocess("l")).exit_code, 0);
  const CommandResult inspected = weft("data inspect " + path("l_text_document") + " --json");
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  const Json result = Json::parse(inspected.out);
  EXPECT_EQ(result.at("dtype"), "uint16");
  EXPECT_EQ(result.at("documents"), 2);
  EXPECT_EQ(result.at("sequences"), 2);
  EXPECT_EQ(result.at("tokens"), 4);
  EXPECT_EQ(result.at("longest"), 2);
  EXPECT_EQ(result.at("first")[1].at("tokens"), (std::vector<int>{3, 50}));
}

TEST_F(DataCommands, PreprocessNamesTheLineThatIsWrong) {
  for (const char* line : {"not json", "", "[1]", R"({"other": "1"})", R"({"text": 1})",
                           R"({"text": ["1", null]})", "{\"text\": \"\xff\"}"}) {
    write_file(dir / "in.jsonl", documents(40) + line + "\n" + documents(40));
    expect_refused(preprocess("bad"), 3, path("in.jsonl") + ":41");
  }
}

TEST_F(DataCommands, PreprocessRefusesWhatItCannotDo) {
  expect_refused(preprocess("x", "--partitions 2"), 2, "--workers");
  expect_refused(preprocess("x", "--split-sentences"), 2, "--split-sentences");
  expect_refused(preprocess("x", "--workers 0"), 2, "--workers");
  expect_refused(preprocess("x", "--json-keys text text"), 2, "--json-keys");
  expect_refused(preprocess("no/such/directory"), 3, "no/such/directory");
  fs::remove(dir / "in.jsonl");
  expect_refused(preprocess("x"), 3, "in.jsonl");
}

TEST_F(DataCommands, PreprocessLeavesNothingOnAFullDisk) {
  write_file(dir / "in.jsonl", documents(5000));
  const size_t before = num_files(dir.path());
  const CommandResult result =
      run_command("ulimit -f 8; " + std::string(WEFT_BINARY) + " " + preprocess("full"));
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_NE(result.err.find("full_text_document"), std::string::npos) << result.err;
  EXPECT_EQ(num_files(dir.path()), before);
}

TEST_F(DataCommands, MergeConcatenatesInTheOrderOfNames) {
  fs::create_directory(dir / "parts");
  ASSERT_EQ(weft(preprocess("parts/b")).exit_code, 0);
  write_file(dir / "in.jsonl", documents(20));
  ASSERT_EQ(weft(preprocess("parts/a")).exit_code, 0);
  const CommandResult merged =
      weft("data merge --input " + path("parts") + " --output-prefix " + path("all") + " --json");
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_EQ(Json::parse(merged.out).at("documents"), 520);
  EXPECT_EQ(read_file(path("all.bin")), read_file(path("parts/a_text_document.bin")) +
                                            read_file(path("parts/b_text_document.bin")));
  fs::remove(dir / "parts" / "a_text_document.idx");
  expect_refused("data merge --input " + path("parts") + " --output-prefix " + path("x"), 3,
                 "a_text_document.bin");
}

TEST_F(DataCommands, SampleShowsTokensLabelsAndSpans) {
  ASSERT_EQ(weft(preprocess("s")).exit_code, 0);
  const std::string command = "data sample --data-path " + path("s_text_document") +
                              " --split 8,1,1 --seq-length 16 --data-cache-path " + path("cache") +
                              " --json --index 0,3 ";
  const CommandResult result = weft(command + "--train-samples 20");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  std::vector<Json> samples;
  for (std::string line; std::getline(lines, line);) samples.push_back(Json::parse(line));
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[1].at("index"), 3);
  const auto tokens = samples[1].at("tokens").get<std::vector<int>>();
  const auto labels = samples[1].at("labels").get<std::vector<int>>();
  EXPECT_TRUE(std::equal(tokens.begin() + 1, tokens.end(), labels.begin()));
  int covered = 0;
  for (const Json& span : samples[1].at("document_spans")) covered += span.at(2).get<int>();
  EXPECT_EQ(covered, 17);
  EXPECT_EQ(weft(command + "--valid --eval-samples 4").exit_code, 0);
  // Without a size of its own, as many samples as the training split.
  const CommandResult valid = weft(command + "--valid --train-samples 20");
  EXPECT_EQ(valid.out, weft(command + "--valid --eval-samples 20").out);
  EXPECT_EQ(valid.exit_code, 0) << valid.err;
  EXPECT_EQ(weft(command).exit_code, 2);
  EXPECT_EQ(weft(command + "--train-samples 20 --index 100000").exit_code, 3);
}

TEST_F(DataCommands, InspectNamesACorruptIndex) {
  write_file(dir / "c.idx", "MMIDIDX");
  write_file(dir / "c.bin", "");
  expect_refused("data inspect " + path("c"), 3, path("c") + ".idx");
}

TEST_F(DataCommands, PreprocessGivesMegatronsBytesForTheNews) {
  const auto news = reference_file("data/news.jsonl");
  const auto vocab = reference_file("data/gpt2/vocab.json");
  if (!news || !vocab) GTEST_SKIP() << "needs the reference's news.jsonl and GPT-2 files";
  const CommandResult result =
      weft("preprocess --input " + news->string() + " --output-prefix " + path("news") +
           " --vocab-file " + vocab->string() + " --merge-file " +
           (vocab->parent_path() / "merges.txt").string() + " --append-eod --workers 2 --json");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("Processed 1000 documents ("), std::string::npos) << result.err;
  const Json vector = load_vector("gpt_dataset_seed_log");
  for (const char* extension : {"idx", "bin"}) {
    const CommandResult sum = run_command("sha256sum " + path("news_text_document.") + extension);
    EXPECT_EQ(sum.out.substr(0, 64), vector.at(std::string(extension) + "_sha256")) << extension;
  }
}

}  // namespace

}  // namespace weft::testing
