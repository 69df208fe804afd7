#include "weft/observe/xml_text.hpp"

#include <algorithm>
#include <cstddef>

namespace weft::observe {

namespace {

/// Bytes of the UTF-8 character at the front of `text`; 0 when there is none. Overlong forms,
/// surrogates and U+FFFE, U+FFFF, which XML forbids, are none.
size_t character_bytes(std::string_view text) {
  const auto byte = [&text](size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  unsigned code = lead & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = code << 6U | (byte(i) & 0x3FU);
  }
  const unsigned least = length == 4 ? 0x10000U : length == 3 ? 0x800U : 0x80U;
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  const bool is_allowed = !is_surrogate && code != 0xFFFE && code != 0xFFFF && code <= 0x10FFFF;
  return lead >= 0xC2 && lead <= 0xF4 && code >= least && is_allowed ? length : 0;
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string xml;
  while (!text.empty()) {
    const size_t length = character_bytes(text);
    const std::string_view character = text.substr(0, std::max<size_t>(1, length));
    text.remove_prefix(character.size());
    if (length == 0) {
      xml += '?';
    } else if (character == "&") {
      xml += "&amp;";
    } else if (character == "<") {
      xml += "&lt;";
    } else if (character == ">") {
      xml += "&gt;";
    } else if (length == 1 && (character[0] < ' ' || character[0] == '\x7f')) {
      xml += ' ';
    } else {
      xml += character;
    }
  }
  return xml;
}

}  // namespace weft::observe
