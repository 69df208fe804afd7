#include "weft/tokenizer/utf8.hpp"

namespace weft::tokenizer {

namespace {

/// What the first byte of a sequence promises: its length and the range of its second byte (the
/// third and fourth are always 80..BF). Length 0 marks a byte that starts nothing.
struct Lead {
  uint8_t length = 0;
  uint8_t second_low = 0x80;
  uint8_t second_high = 0xBF;
  uint8_t payload = 0;
};

Lead classify(uint8_t byte) {
  if (byte < 0xC2) return {};
  const auto bits = [byte](int mask) { return static_cast<uint8_t>(byte & mask); };
  if (byte < 0xE0) return {2, 0x80, 0xBF, bits(0x1F)};
  if (byte == 0xE0) return {3, 0xA0, 0xBF, 0};     // below: overlong
  if (byte == 0xED) return {3, 0x80, 0x9F, 0x0D};  // above: surrogates
  if (byte < 0xF0) return {3, 0x80, 0xBF, bits(0x0F)};
  if (byte == 0xF0) return {4, 0x90, 0xBF, 0};  // below: overlong
  if (byte < 0xF4) return {4, 0x80, 0xBF, bits(0x07)};
  if (byte == 0xF4) return {4, 0x80, 0x8F, 0x04};  // above: past U+10FFFF
  return {};
}

}  // namespace

Utf8Char read_utf8(std::string_view text, size_t position) {
  const auto byte_at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte_at(position);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = classify(first);
  char32_t code_point = lead.payload;
  for (uint8_t i = 1; i < lead.length; ++i) {
    if (position + i >= text.size()) return {0, i, false};
    const uint8_t byte = byte_at(position + i);
    const uint8_t low = i == 1 ? lead.second_low : 0x80;
    const uint8_t high = i == 1 ? lead.second_high : 0xBF;
    if (byte < low || byte > high) return {0, i, false};
    code_point = (code_point << 6) | (byte & 0x3FU);
  }
  if (lead.length == 0) return {0, 1, false};
  return {code_point, lead.length, true};
}

void append_utf8(std::string& text, char32_t code_point) {
  const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto continuation = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    continuation(0);
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    continuation(6);
    continuation(0);
  } else {
    put(0xF0 | (code_point >> 18));
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const Utf8Char character = read_utf8(bytes, i);
    if (character.valid) {
      text.append(bytes, i, character.length);
    } else {
      text.append("\xEF\xBF\xBD");
    }
    i += character.length;
  }
  return text;
}

}  // namespace weft::tokenizer
