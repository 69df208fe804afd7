#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weft/tokenizer/merge_table.hpp"
#include "weft/tokenizer/pre_splitter.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/tokenizer/vocabulary.hpp"

namespace weft::tokenizer {

/// GPT-2's byte-level BPE (reference/megatron.md 2). Every byte string has ids, and as long as the
/// vocabulary holds all 256 bytes, decode_bytes gives it back. Special tokens in the text are
/// ordinary text. A merged piece that is not in the vocabulary gets id 0.
///
/// encode may run on any number of threads: each call borrows a workspace (with a word cache of
/// 2 MB that lives as long as the tokenizer) from a pool that grows to the number of concurrent
/// calls.
class Gpt2BpeTokenizer final : public Tokenizer {
 public:
  /// Reads vocab.json and merges.txt. Throws Error{data} for a missing or malformed file.
  Gpt2BpeTokenizer(const std::string& vocab_file, const std::string& merge_file);
  ~Gpt2BpeTokenizer() override;

  std::vector<TokenId> encode(std::string_view text) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  int64_t vocab_size() const override { return vocabulary_.size(); }
  TokenId eod() const override { return vocabulary_.end_of_text(); }

  /// The exact bytes of `ids`, UTF-8 or not. Throws Error{data} for an unknown id.
  std::string decode_bytes(std::span<const TokenId> ids) const;

 private:
  struct Workspace;
  class Lease;

  void append_ids(std::string_view piece, Workspace& workspace, std::vector<TokenId>& ids) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  std::vector<TokenId> id_of_symbol_;
  PreSplitter splitter_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;  ///< guarded by mutex_
};

}  // namespace weft::tokenizer
