#pragma once

#include <cstdint>
#include <string_view>

namespace weft::data {

/// Element types of .bin files with their codes in .idx files (reference/megatron.md 1.1).
enum class TokenType : uint8_t {
  uint8 = 1,
  int8 = 2,
  int16 = 3,
  int32 = 4,
  int64 = 5,
  float64 = 6,
  float32 = 7,
  uint16 = 8,
};

/// Whether `code` is one of the format's.
constexpr bool is_token_type(uint8_t code) { return code >= 1 && code <= 8; }

/// Bytes of one element.
constexpr int64_t size_of(TokenType type) {
  switch (type) {
    case TokenType::uint8:
    case TokenType::int8:
      return 1;
    case TokenType::int16:
    case TokenType::uint16:
      return 2;
    case TokenType::int32:
    case TokenType::float32:
      return 4;
    case TokenType::int64:
    case TokenType::float64:
      return 8;
  }
  return 0;
}

/// numpy's name, for example "uint16".
std::string_view name(TokenType type);

/// The type that Megatron writes for a vocabulary of this size: uint16 below 65500, else int32.
constexpr TokenType token_type_for(int64_t vocab_size) {
  return vocab_size < 65500 ? TokenType::uint16 : TokenType::int32;
}

}  // namespace weft::data
