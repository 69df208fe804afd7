#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::tokenizer {

/// The 256 printable characters that stand for the bytes in vocab.json and merges.txt
/// (reference/megatron.md 2). 188 bytes stand for themselves; the others, in increasing order, are
/// U+0100, U+0101, ... No character is white space.
class ByteAlphabet {
 public:
  ByteAlphabet();

  /// The character of `byte`.
  char32_t character(uint8_t byte) const { return characters_[byte]; }
  /// `bytes` as the files spell them (UTF-8).
  std::string spell(std::string_view bytes) const;
  /// The bytes that `spelling` stands for; nothing when it holds a character outside the alphabet.
  std::optional<std::string> unspell(std::string_view spelling) const;

 private:
  std::array<char32_t, 256> characters_{};
  std::array<int16_t, 512> bytes_{};  ///< by character; -1 outside the alphabet
};

/// The bytes in the order in which GPT-2 numbers them, ids 0..255: by increasing character.
std::array<uint8_t, 256> base_bytes();

}  // namespace weft::tokenizer
