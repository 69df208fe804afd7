#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weft/base/files.hpp"
#include "weft/data/indexed_dataset.hpp"
#include "weft/data/token_type.hpp"

namespace weft::data {

/// Writes PREFIX.bin and PREFIX.idx (reference/megatron.md 1.1). Tokens are streamed to disk; both
/// files get their names in `finalize`, the index last, so that nothing partial is ever left under
/// a final name. Failed writes throw Error{data}.
class IndexedDatasetBuilder {
 public:
  IndexedDatasetBuilder(const std::string& prefix, TokenType type, bool with_modes = false);

  /// Appends one sequence. Throws Error{data} for a token that the type cannot hold.
  void add_item(std::span<const int32_t> tokens, int8_t mode = 0);
  /// Appends the sequences of one document, whose tokens lie one after another; `lengths` adds up
  /// to their number; `modes` is empty or as long as `lengths`.
  void add_document(std::span<const int32_t> tokens, std::span<const int32_t> lengths,
                    std::span<const int8_t> modes = {});
  /// Ends the document that the items since the last end make up.
  void end_document();
  /// Appends all of another dataset, whose token type must be the same.
  void add_dataset(const IndexedDataset& other);
  /// Writes both files whole under temporary names; nothing may be added afterwards. Whoever makes
  /// several datasets completes all before it finalises the first.
  void complete();
  /// Gives both files their names, after `complete` if that was not called.
  void finalize();

  int64_t num_documents() const { return static_cast<int64_t>(document_starts_.size()) - 1; }
  int64_t num_tokens() const { return num_tokens_; }
  int64_t bin_bytes() const { return num_tokens_ * size_of(type_); }

 private:
  void write_tokens(std::span<const int32_t> tokens);
  void add_length(int64_t tokens, int8_t mode);

  std::string prefix_;
  TokenType type_;
  bool with_modes_;
  AtomicFile bin_;
  std::optional<AtomicFile> index_;  ///< once complete
  std::vector<int32_t> lengths_;
  std::vector<int64_t> document_starts_{0};
  std::vector<int8_t> modes_;
  std::vector<std::byte> buffer_;
  int64_t num_tokens_ = 0;
};

}  // namespace weft::data
