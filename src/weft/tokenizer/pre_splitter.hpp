#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "weft/tokenizer/character_classes.hpp"

namespace weft::tokenizer {

/// GPT-2's pre-tokenisation: cuts text into pieces that merges never cross. A hand-written scanner
/// for the regular expression
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// (reference/megatron.md 2); the tests compare it with PCRE2 running that expression. The pieces
/// cover the text without gaps. Bytes that are not UTF-8 count as "other" characters, which the
/// expression cannot express, so that every byte string can be encoded.
class PreSplitter {
 public:
  PreSplitter();

  /// End of the piece that begins at `begin` < text.size(). Pure; safe from several threads.
  size_t piece_end(std::string_view text, size_t begin) const;

 private:
  CharacterClass class_at(std::string_view text, size_t position, size_t& next) const;
  size_t run_end(std::string_view text, size_t position, CharacterClass wanted) const;
  size_t space_piece_end(std::string_view text, size_t begin) const;

  CharacterClasses classes_;
  std::array<CharacterClass, 128> ascii_{};
};

/// True when a piece begins at `position` whatever stands around: an ASCII white-space character
/// after an ASCII character that is none. Text may be cut there and the parts split apart.
bool is_safe_cut(std::string_view text, size_t position);

}  // namespace weft::tokenizer
