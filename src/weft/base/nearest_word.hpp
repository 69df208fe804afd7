#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weft {

/// The word of `known` that takes the fewest typing errors (insertions, deletions and replacements
/// of one character) to become `word`, the first of equals; empty when all take more than
/// `most_errors`.
std::string nearest_word(std::string_view word, std::span<const std::string_view> known,
                         size_t most_errors);

/// The same within about a third of the word: a guess further away helps nobody.
std::string nearest_word(std::string_view word, std::span<const std::string_view> known);

}  // namespace weft
