#include "weft/train/data_words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"
#include "weft/train/make_train_config.hpp"

namespace weft::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempDir;

TrainConfig config_with(const std::string& extra) {
  std::istringstream in(
      "--num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 16 "
      "--max-position-embeddings 16 --micro-batch-size 2 --lr 1e-3 --train-iters 5 "
      "--tokenizer-type NullTokenizer --vocab-size 9 " +
      extra);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return prepare_run({words, {}}).config;
}

std::string refusal(const std::string& extra) {
  try {
    config_with(extra);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

TEST(DataWords, ABlendFromAFile) {
  const TempDir dir;
  const std::string path = (dir / "data.txt").string();
  testing::write_file(path, "0.25 a\n0.75\tb\n");
  EXPECT_THAT(config_with("--data-args-path " + path).data.data_path,
              ElementsAre("0.25", "a", "0.75", "b"));
  EXPECT_THAT(refusal("--data-args-path " + path + " --data-path c"),
              HasSubstr("A single data source must be provided"));
  EXPECT_THAT(refusal("--data-args-path " + path + "x"), HasSubstr("data.txtx"));
  testing::write_file(path, " \n");
  EXPECT_THAT(refusal("--data-args-path " + path), HasSubstr("names no data"));
}

TEST(DataWords, SplitsFromAFile) {
  const TempDir dir;
  const std::string path = (dir / "data.json").string();
  const std::string flag = "--per-split-data-args-path " + path;
  testing::write_file(path, R"({"train": ["1", "a", "2", "b"], "valid": ["v"], "test": null})");
  const TrainConfig config = config_with(flag);
  EXPECT_THAT(config.data.train_data_path, ElementsAre("1", "a", "2", "b"));
  EXPECT_THAT(config.data.valid_data_path, ElementsAre("v"));
  EXPECT_TRUE(config.data.test_data_path.empty());
  EXPECT_TRUE(config.data.data_path.empty());
  EXPECT_THAT(refusal(flag + " --split 8,1,1"), HasSubstr("contradict each other"));
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"[]", "is no JSON object"},
      {"{", "is no JSON object"},
      {R"({"train": "a"})", "expected a list of texts or null"},
      {R"({"train": ["a", 1]})", "expected a list of texts or null"},
      {R"({"training": ["a"]})", "(got training, expected train, valid or test)"},
      {R"({"valid": ["a"]})", "has no training data"}};
  for (const auto& [text, message] : broken) {
    testing::write_file(path, text);
    EXPECT_THAT(refusal(flag), HasSubstr(message)) << text;
  }
}

}  // namespace
}  // namespace weft::train
