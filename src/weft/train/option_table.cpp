#include "weft/train/option_table.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

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

// Levenshtein's distance: the fewest insertions, deletions and replacements of one character.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

std::string nearest(const Index& index, std::string_view word, size_t largest_distance) {
  size_t best = largest_distance + 1;
  std::string found;
  for (const auto& [candidate, spec] : index) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

// A guess further away than about a third of the word helps nobody.
size_t reach(std::string_view word) { return std::max<size_t>(2, word.size() / 3); }

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

std::string nearest_flag(std::string_view flag) { return nearest(flags(), flag, reach(flag)); }

std::string nearest_name(std::string_view name) { return nearest(names(), name, reach(name)); }

std::string nearly_name(std::string_view name) { return nearest(names(), name, 2); }

}  // namespace weft::train
