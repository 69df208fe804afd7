#include "weft/tokenizer/byte_alphabet.hpp"

#include <algorithm>
#include <numeric>

#include "weft/tokenizer/utf8.hpp"

namespace weft::tokenizer {

namespace {

bool stands_for_itself(int byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

}  // namespace

ByteAlphabet::ByteAlphabet() {
  bytes_.fill(-1);
  char32_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t character = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
    characters_[static_cast<size_t>(byte)] = character;
    bytes_[character] = static_cast<int16_t>(byte);
  }
}

std::string ByteAlphabet::spell(std::string_view bytes) const {
  std::string spelling;
  spelling.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(spelling, character(static_cast<uint8_t>(byte)));
  return spelling;
}

std::optional<std::string> ByteAlphabet::unspell(std::string_view spelling) const {
  std::string bytes;
  bytes.reserve(spelling.size());
  for (size_t i = 0; i < spelling.size();) {
    const Utf8Char character = read_utf8(spelling, i);
    if (!character.valid || character.code_point >= bytes_.size()) return std::nullopt;
    const int16_t byte = bytes_[character.code_point];
    if (byte < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    i += character.length;
  }
  return bytes;
}

std::array<uint8_t, 256> base_bytes() {
  const ByteAlphabet alphabet;
  std::array<uint8_t, 256> bytes{};
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  std::ranges::sort(bytes, {}, [&](uint8_t byte) { return alphabet.character(byte); });
  return bytes;
}

}  // namespace weft::tokenizer
