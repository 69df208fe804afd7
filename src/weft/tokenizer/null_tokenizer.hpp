#pragma once

#include "weft/tokenizer/tokenizer.hpp"

namespace weft::tokenizer {

/// Text that is token ids already: decimal numbers with white space between (reference/megatron.md
/// 2). Ids 0..V-1, and V ends a document.
class NullTokenizer final : public Tokenizer {
 public:
  /// Throws Error{usage} unless 1 <= num_ids < 2^31 - 1.
  explicit NullTokenizer(int64_t num_ids);

  /// Throws Error{data} for a word that is no id in 0..V.
  std::vector<TokenId> encode(std::string_view text) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  int64_t vocab_size() const override { return num_ids_ + 1; }
  TokenId eod() const override { return static_cast<TokenId>(num_ids_); }

 private:
  int64_t num_ids_;
};

}  // namespace weft::tokenizer
