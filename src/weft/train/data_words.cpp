#include "weft/train/data_words.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"

namespace weft::train {

namespace {

using nlohmann::json;

constexpr const char* kPerSplit = "--per-split-data-args-path";

std::vector<std::string> words_of(const json& list, const std::string& split,
                                  const std::string& path) {
  if (list.is_null()) return {};
  std::vector<std::string> words;
  const bool is_list = list.is_array();
  if (is_list) {
    for (const json& word : list) {
      if (word.is_string()) words.push_back(word.get<std::string>());
    }
  }
  if (!is_list || words.size() != list.size()) {
    fail_with_hint(ErrorKind::usage, kPerSplit,
                   "{} has {} as \"{}\" (expected a list of texts or null)", path, list.dump(),
                   split);
  }
  return words;
}

}  // namespace

DataWords read_data_args(const std::string& path) {
  std::istringstream text(read_text_file(path, ErrorKind::usage));
  DataWords data;
  for (std::string word; text >> word;) data.blend.push_back(word);
  if (data.blend.empty()) {
    fail_with_hint(ErrorKind::usage, "--data-args-path",
                   "{} names no data (got an empty file, expected the words of --data-path)", path);
  }
  return data;
}

DataWords read_per_split_data_args(const std::string& path) {
  const json object = json::parse(read_text_file(path, ErrorKind::usage), nullptr,
                                  /*allow_exceptions=*/false);
  if (!object.is_object()) {
    fail_with_hint(ErrorKind::usage, kPerSplit,
                   "{} is no JSON object (expected {{\"train\": [...], \"valid\": [...], \"test\": "
                   "[...]}})",
                   path);
  }
  DataWords data;
  for (const auto& [split, list] : object.items()) {
    if (split != "train" && split != "valid" && split != "test") {
      fail_with_hint(ErrorKind::usage, kPerSplit,
                     "{} has an unknown split (got {}, expected train, valid or test)", path,
                     split);
    }
    auto& words = split == "train" ? data.train : split == "valid" ? data.valid : data.test;
    words = words_of(list, split, path);
  }
  if (data.train.empty()) {
    fail_with_hint(ErrorKind::usage, kPerSplit, "{} has no training data (expected \"train\")",
                   path);
  }
  return data;
}

}  // namespace weft::train
