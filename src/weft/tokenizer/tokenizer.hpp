#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::tokenizer {

using TokenId = int32_t;

/// Which tokenizer, and its files. Field names are Megatron's flags.
struct TokenizerConfig {
  std::string type = "GPT2BPETokenizer";  ///< --tokenizer-type: GPT2BPETokenizer or NullTokenizer
  std::string vocab_file{};               ///< --vocab-file, token -> id as JSON
  std::string merge_file{};               ///< --merge-file, one merge per line
  int64_t vocab_size = 0;                 ///< --vocab-size, NullTokenizer only: ids 0..V-1, eod V
};

/// Text to token ids and back. Const calls are safe from several threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids of `text` (UTF-8; invalid bytes are tokens like any others).
  virtual std::vector<TokenId> encode(std::string_view text) const = 0;
  /// Text of `ids`; bytes that are not UTF-8 become U+FFFD. Throws Error{data} for an unknown id.
  virtual std::string decode(std::span<const TokenId> ids) const = 0;
  /// Number of ids, without padding.
  virtual int64_t vocab_size() const = 0;
  /// Id of the end-of-document token.
  virtual TokenId eod() const = 0;
};

/// Reads the files of `config`. Throws Error{usage} for a missing flag or an unknown type and
/// Error{data} for a missing or malformed file.
std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerConfig& config);

/// `vocab_size` rounded up to a multiple of divisible_by * tensor_parallel (reference/megatron.md
/// 2).
int64_t padded_vocab_size(int64_t vocab_size, int64_t divisible_by, int64_t tensor_parallel);

}  // namespace weft::tokenizer
