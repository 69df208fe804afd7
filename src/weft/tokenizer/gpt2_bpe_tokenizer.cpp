#include "weft/tokenizer/gpt2_bpe_tokenizer.hpp"

#include <utility>

#include "weft/base/error.hpp"
#include "weft/tokenizer/utf8.hpp"
#include "weft/tokenizer/word_cache.hpp"
#include "weft/tokenizer/word_merger.hpp"

namespace weft::tokenizer {

struct Gpt2BpeTokenizer::Workspace {
  explicit Workspace(const MergeTable& table) : merger(table) {}

  WordMerger merger;
  WordCache cache;
};

/// A workspace out of the pool; goes back at the end of its scope.
class Gpt2BpeTokenizer::Lease {
 public:
  explicit Lease(const Gpt2BpeTokenizer& owner) : owner_(owner) {
    {
      const std::lock_guard lock(owner_.mutex_);
      if (!owner_.idle_.empty()) {
        workspace_ = std::move(owner_.idle_.back());
        owner_.idle_.pop_back();
      }
    }
    if (!workspace_) workspace_ = std::make_unique<Workspace>(owner_.merges_);
  }
  ~Lease() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.idle_.push_back(std::move(workspace_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Workspace& operator*() const { return *workspace_; }

 private:
  const Gpt2BpeTokenizer& owner_;
  std::unique_ptr<Workspace> workspace_;
};

Gpt2BpeTokenizer::Gpt2BpeTokenizer(const std::string& vocab_file, const std::string& merge_file)
    : vocabulary_(vocab_file), merges_(read_merges(merge_file)) {
  id_of_symbol_.reserve(merges_.pieces().size());
  for (const std::string& piece : merges_.pieces()) {
    id_of_symbol_.push_back(vocabulary_.find(piece).value_or(0));
  }
}

Gpt2BpeTokenizer::~Gpt2BpeTokenizer() = default;

std::vector<TokenId> Gpt2BpeTokenizer::encode(std::string_view text) const {
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 4 + 1);
  const Lease workspace(*this);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = splitter_.piece_end(text, begin);
    append_ids(text.substr(begin, end - begin), *workspace, ids);
    begin = end;
  }
  return ids;
}

void Gpt2BpeTokenizer::append_ids(std::string_view piece, Workspace& workspace,
                                  std::vector<TokenId>& ids) const {
  const std::span<const TokenId> known = workspace.cache.find(piece);
  if (!known.empty()) {
    ids.insert(ids.end(), known.begin(), known.end());
    return;
  }
  const size_t first = ids.size();
  for (const Symbol symbol : workspace.merger.merge(piece)) ids.push_back(id_of_symbol_[symbol]);
  workspace.cache.insert(piece, std::span(ids).subspan(first));
}

std::string Gpt2BpeTokenizer::decode(std::span<const TokenId> ids) const {
  return replace_invalid_utf8(decode_bytes(ids));
}

std::string Gpt2BpeTokenizer::decode_bytes(std::span<const TokenId> ids) const {
  std::string bytes;
  for (const TokenId id : ids) {
    check(id >= 0 && id < vocab_size(), ErrorKind::data,
          "token id {} is not in the vocabulary, expected 0..{}", id, vocab_size() - 1);
    bytes += vocabulary_.bytes(id);
  }
  return bytes;
}

}  // namespace weft::tokenizer
