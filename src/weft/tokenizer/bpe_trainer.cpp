#include "weft/tokenizer/bpe_trainer.hpp"

#include <algorithm>
#include <array>
#include <queue>
#include <unordered_map>

#include "weft/base/error.hpp"
#include "weft/tokenizer/byte_alphabet.hpp"

namespace weft::tokenizer {

namespace {

/// Two adjacent ids, left in the high half, so that comparing pairs compares (left, right).
using Pair = uint64_t;

Pair make_pair(Symbol left, Symbol right) { return (Pair{left} << 32) | right; }

struct PairHash {
  size_t operator()(Pair pair) const {
    const uint64_t mixed = pair * 0x9E3779B97F4A7C15U;
    return mixed ^ (mixed >> 32);
  }
};

/// A pair in the heap with the count it had when it was pushed.
struct Candidate {
  int64_t count = 0;
  Pair pair = 0;
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

struct PairInfo {
  int64_t count = 0;
  bool merged = false;
  std::vector<uint32_t> words;  ///< where it occurs or occurred; a superset
};

/// The corpus as words of ids, with the counts of all adjacent pairs kept up to date.
class PairIndex {
 public:
  PairIndex(const WordCounts& counts, const std::array<Symbol, 256>& id_of_byte) {
    words_.reserve(counts.words.size());
    for (const auto& [text, count] : counts.words) {
      Word word{.symbols = {}, .count = count};
      word.symbols.reserve(text.size());
      for (const char byte : text) word.symbols.push_back(id_of_byte[static_cast<uint8_t>(byte)]);
      words_.push_back(std::move(word));
    }
    for (uint32_t w = 0; w < words_.size(); ++w) {
      const auto& symbols = words_[w].symbols;
      for (size_t i = 0; i + 1 < symbols.size(); ++i) add(symbols[i], symbols[i + 1], w);
    }
    push_changed();
  }

  /// The most frequent pair, if it occurs at least min_count times.
  const Candidate* top(int64_t min_count) {
    while (!heap_.empty()) {
      const Candidate& best = heap_.top();
      if (best.count < min_count) return nullptr;
      const int64_t count = pairs_[best.pair].count;
      if (best.count == count) return &best;
      // Every pair has an entry of at least its count; this one is out of date.
      const Pair pair = best.pair;
      heap_.pop();
      if (count >= min_count) heap_.push({count, pair});
    }
    return nullptr;
  }

  /// Replaces `pair` by `result` wherever it occurs. False when that was done before: a pair comes
  /// back when another merge makes one of its halves anew.
  bool merge(Pair pair, Symbol result) {
    const std::vector<uint32_t> places = std::move(pairs_[pair].words);
    for (const uint32_t w : places) merge_in_word(w, pair, result);
    const bool is_first = !pairs_[pair].merged;
    pairs_[pair] = {.count = 0, .merged = true, .words = {}};
    push_changed();
    return is_first;
  }

 private:
  struct Word {
    std::vector<Symbol> symbols;
    int64_t count = 0;
  };

  void add(Symbol left, Symbol right, uint32_t word) {
    const Pair pair = make_pair(left, right);
    PairInfo& info = pairs_[pair];
    info.count += words_[word].count;
    if (info.words.empty() || info.words.back() != word) info.words.push_back(word);
    changed_.push_back(pair);
  }

  void remove(Symbol left, Symbol right, int64_t count) {
    pairs_[make_pair(left, right)].count -= count;
  }

  void merge_in_word(uint32_t w, Pair pair, Symbol result) {
    auto& symbols = words_[w].symbols;
    const int64_t count = words_[w].count;
    size_t out = 0;
    for (size_t i = 0; i < symbols.size(); ++i) {
      const bool joins = i + 1 < symbols.size() && make_pair(symbols[i], symbols[i + 1]) == pair;
      if (!joins) {
        symbols[out++] = symbols[i];
        continue;
      }
      if (out > 0) {
        remove(symbols[out - 1], symbols[i], count);
        add(symbols[out - 1], result, w);
      }
      if (i + 2 < symbols.size()) {
        remove(symbols[i + 1], symbols[i + 2], count);
        add(result, symbols[i + 2], w);
      }
      symbols[out++] = result;
      ++i;
    }
    symbols.resize(out);
  }

  void push_changed() {
    std::ranges::sort(changed_);
    const auto repeated = std::ranges::unique(changed_);
    changed_.erase(repeated.begin(), repeated.end());
    for (const Pair pair : changed_) heap_.push({pairs_[pair].count, pair});
    changed_.clear();
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, PairInfo, PairHash> pairs_;
  std::priority_queue<Candidate> heap_;
  std::vector<Pair> changed_;  ///< pairs whose count rose since the last push
};

}  // namespace

TrainedBpe train_bpe(const WordCounts& counts, const BpeTrainerConfig& config) {
  constexpr int64_t kLargest = int64_t{1} << 30;
  check(config.vocab_size >= kMinVocabSize && config.vocab_size <= kLargest, ErrorKind::usage,
        "--vocab-size is {}, expected {}..{} (256 bytes, the merges, <|endoftext|>)",
        config.vocab_size, kMinVocabSize, kLargest);
  check(config.min_frequency >= 1, ErrorKind::usage, "--min-frequency is {}, expected at least 1",
        config.min_frequency);
  check(counts.words.size() < kNoSymbol, ErrorKind::data, "{} different words, expected below {}",
        counts.words.size(), kNoSymbol);

  TrainedBpe bpe;
  std::array<Symbol, 256> id_of_byte{};
  std::unordered_map<std::string, Symbol> ids;
  for (const uint8_t byte : base_bytes()) {
    id_of_byte[byte] = static_cast<Symbol>(bpe.pieces.size());
    ids.emplace(std::string(1, static_cast<char>(byte)), id_of_byte[byte]);
    bpe.pieces.emplace_back(1, static_cast<char>(byte));
  }
  PairIndex index(counts, id_of_byte);
  while (bpe.vocab_size() < config.vocab_size) {
    const Candidate* best = index.top(config.min_frequency);
    if (best == nullptr) break;
    const Pair pair = best->pair;
    const std::string left = bpe.pieces[pair >> 32];
    const std::string right = bpe.pieces[pair & 0xFFFFFFFF];
    // Two different pairs may make the same piece; it has one id.
    const auto [it, is_new] = ids.emplace(left + right, static_cast<Symbol>(bpe.pieces.size()));
    if (is_new) bpe.pieces.push_back(it->first);
    if (index.merge(pair, it->second)) bpe.merges.emplace_back(left, right);
    if (config.progress && bpe.merges.size() % 256 == 0) config.progress(bpe.vocab_size());
  }
  return bpe;
}

}  // namespace weft::tokenizer
