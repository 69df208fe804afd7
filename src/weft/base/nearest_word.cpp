#include "weft/base/nearest_word.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace weft {

namespace {

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

}  // namespace

std::string nearest_word(std::string_view word, std::span<const std::string_view> known,
                         size_t most_errors) {
  size_t best = most_errors + 1;
  std::string found;
  for (const std::string_view candidate : known) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string nearest_word(std::string_view word, std::span<const std::string_view> known) {
  return nearest_word(word, known, std::max<size_t>(2, word.size() / 3));
}

}  // namespace weft
