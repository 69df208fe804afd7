#include "weft/tokenizer/pre_splitter.hpp"

#include "weft/tokenizer/utf8.hpp"

namespace weft::tokenizer {

namespace {

/// Length of the contraction at the start of `text`, which begins with an apostrophe; 0 if none.
size_t contraction_length(std::string_view text) {
  if (text.size() < 2) return 0;
  const char first = text[1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (text.size() < 3) return 0;
  const char second = text[2];
  const bool is_long = (first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
                       (first == 'l' && second == 'l');
  return is_long ? 3 : 0;
}

bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

PreSplitter::PreSplitter() {
  for (char32_t c = 0; c < ascii_.size(); ++c) ascii_[c] = classes_[c];
}

CharacterClass PreSplitter::class_at(std::string_view text, size_t position, size_t& next) const {
  const auto byte = static_cast<unsigned char>(text[position]);
  if (byte < 0x80) {
    next = position + 1;
    return ascii_[byte];
  }
  const Utf8Char character = read_utf8(text, position);
  next = position + character.length;
  return character.valid ? classes_[character.code_point] : CharacterClass::other;
}

size_t PreSplitter::run_end(std::string_view text, size_t position, CharacterClass wanted) const {
  size_t next = position;
  while (position < text.size() && class_at(text, position, next) == wanted) position = next;
  return position;
}

size_t PreSplitter::space_piece_end(std::string_view text, size_t begin) const {
  size_t last = begin;
  size_t end = begin;
  size_t next = begin;
  while (end < text.size() && class_at(text, end, next) == CharacterClass::space) {
    last = end;
    end = next;
  }
  // \s+(?!\S): before a non-space the run gives back its last character, unless it has only one.
  return end == text.size() || last == begin ? end : last;
}

size_t PreSplitter::piece_end(std::string_view text, size_t begin) const {
  if (text[begin] == '\'') {
    const size_t length = contraction_length(text.substr(begin));
    if (length > 0) return begin + length;
  }
  size_t next = begin;
  CharacterClass first = class_at(text, begin, next);
  if (text[begin] == ' ' && next < text.size()) first = class_at(text, next, next);
  if (first == CharacterClass::space) return space_piece_end(text, begin);
  return run_end(text, next, first);
}

bool is_safe_cut(std::string_view text, size_t position) {
  if (position == 0 || position >= text.size()) return false;
  const char before = text[position - 1];
  const bool ascii = static_cast<unsigned char>(before) < 0x80;
  return ascii && !is_ascii_space(before) && is_ascii_space(text[position]);
}

}  // namespace weft::tokenizer
