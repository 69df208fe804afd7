#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::tokenizer {

/// One step of reading UTF-8.
struct Utf8Char {
  char32_t code_point = 0;  ///< meaningless when !valid
  uint8_t length = 1;       ///< bytes taken; for an invalid sequence its longest well-formed prefix
  bool valid = false;
};

/// Reads the character at `position` < text.size(). Overlong forms, surrogates and code points
/// above U+10FFFF are invalid; an invalid sequence is as long as Unicode's "maximal subpart", so
/// that one U+FFFD per result equals Python's errors="replace".
Utf8Char read_utf8(std::string_view text, size_t position);

/// Appends the UTF-8 form of `code_point`, which must be a scalar value.
void append_utf8(std::string& text, char32_t code_point);

/// `bytes` with every invalid sequence replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view bytes);

}  // namespace weft::tokenizer
