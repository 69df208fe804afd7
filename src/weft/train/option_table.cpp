#include "weft/train/option_table.hpp"

#include <map>
#include <vector>

#include "weft/base/nearest_word.hpp"

namespace weft::train {

namespace {

std::vector<OptionSpec> join_groups() {
  std::vector<OptionSpec> table;
  for (const std::span<const OptionSpec> group :
       {model_options(), initialization_options(), optimizer_options(), learning_rate_options(),
        precision_options(), parallel_options(), training_options(), activations_options(),
        data_options(), tokenizer_options(), logging_options(), checkpoint_options(), moe_options(),
        inference_options(), other_models_options(), weft_options()}) {
    table.insert(table.end(), group.begin(), group.end());
  }
  return table;
}

using Index = std::map<std::string_view, const OptionSpec*>;

Index index_names() {
  Index index;
  for (const OptionSpec& spec : option_table()) index.emplace(spec.name, &spec);
  return index;
}

Index index_flags() {
  Index index;
  for (const OptionSpec& spec : option_table()) {
    for (const std::string_view flag : split_words(spec.flags, ' ')) index.emplace(flag, &spec);
  }
  return index;
}

const Index& names() {
  static const Index index = index_names();
  return index;
}

const Index& flags() {
  static const Index index = index_flags();
  return index;
}

std::vector<std::string_view> keys(const Index& index) {
  std::vector<std::string_view> words;
  for (const auto& [key, spec] : index) words.push_back(key);
  return words;
}

const OptionSpec* find(const Index& index, std::string_view key) {
  const auto found = index.find(key);
  return found == index.end() ? nullptr : found->second;
}

}  // namespace

std::span<const OptionSpec> option_table() {
  static const std::vector<OptionSpec> table = join_groups();
  return table;
}

const OptionSpec* find_option(std::string_view name) { return find(names(), name); }

const OptionSpec* find_flag(std::string_view flag) { return find(flags(), flag); }

std::string nearest_flag(std::string_view flag) { return nearest_word(flag, keys(flags())); }

std::string nearest_name(std::string_view name) { return nearest_word(name, keys(names())); }

std::string nearly_name(std::string_view name) { return nearest_word(name, keys(names()), 2); }

}  // namespace weft::train
