#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weft/tokenizer/tokenizer.hpp"

namespace weft::tokenizer {

/// The token that ends a document.
inline constexpr std::string_view kEndOfText = "<|endoftext|>";

/// vocab.json: one object, spelling -> id. The N entries must have the ids 0..N-1, each once, and
/// include `<|endoftext|>`. Spellings use ByteAlphabet; one with a character outside of it stands
/// for its own UTF-8 bytes and is never produced by encoding.
class Vocabulary {
 public:
  /// Reads `path`. Throws Error{data} naming it and the entry at fault.
  explicit Vocabulary(const std::filesystem::path& path);

  int64_t size() const { return static_cast<int64_t>(bytes_.size()); }
  TokenId end_of_text() const { return end_of_text_; }
  /// Id of the piece with these bytes, or nothing.
  std::optional<TokenId> find(std::string_view bytes) const;
  /// Bytes of a token, 0 <= id < size().
  const std::string& bytes(TokenId id) const { return bytes_[static_cast<size_t>(id)]; }

 private:
  std::vector<std::string> bytes_;
  /// Keys look into bytes_.
  std::unordered_map<std::string_view, TokenId> ids_;
  TokenId end_of_text_ = 0;
};

}  // namespace weft::tokenizer
