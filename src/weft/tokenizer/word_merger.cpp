#include "weft/tokenizer/word_merger.hpp"

#include <algorithm>
#include <queue>

namespace weft::tokenizer {

namespace {

constexpr size_t kLongestScannedPiece = 64;

/// A possible merge in the heap; it is stale when `left` no longer begins a pair of this rank.
struct Candidate {
  uint32_t rank = 0;
  size_t left = 0;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

/// Symbols as a doubly linked list over their first positions.
class SymbolList {
 public:
  SymbolList(const MergeTable& table, std::vector<Symbol>& symbols)
      : table_(table), symbols_(symbols), next_(symbols.size()), previous_(symbols.size()) {
    for (size_t i = 0; i < symbols.size(); ++i) {
      next_[i] = i + 1;
      previous_[i] = i - 1;  // wraps to kNone for the first
    }
  }

  MergeTable::Merge merge_at(size_t left) const {
    if (symbols_[left] == kNoSymbol || next_[left] >= symbols_.size()) return {};
    return table_.find(symbols_[left], symbols_[next_[left]]);
  }

  /// Replaces the pair at `left`; the right half leaves the list.
  void join(size_t left, Symbol result) {
    const size_t right = next_[left];
    symbols_[left] = result;
    symbols_[right] = kNoSymbol;
    next_[left] = next_[right];
    if (next_[left] < symbols_.size()) previous_[next_[left]] = left;
  }

  bool has_previous(size_t position) const { return previous_[position] != kNone; }
  size_t previous(size_t position) const { return previous_[position]; }

 private:
  static constexpr size_t kNone = ~size_t{0};

  const MergeTable& table_;
  std::vector<Symbol>& symbols_;
  std::vector<size_t> next_;
  std::vector<size_t> previous_;
};

}  // namespace

const std::vector<Symbol>& WordMerger::merge(std::string_view piece) {
  symbols_.resize(piece.size());
  std::ranges::transform(piece, symbols_.begin(),
                         [](char byte) { return Symbol{static_cast<unsigned char>(byte)}; });
  if (piece.size() <= kLongestScannedPiece) {
    merge_by_scanning();
  } else {
    merge_by_heap();
  }
  return symbols_;
}

void WordMerger::merge_by_scanning() {
  size_t count = symbols_.size();
  merges_.resize(count);
  for (size_t i = 0; i + 1 < count; ++i) merges_[i] = table_->find(symbols_[i], symbols_[i + 1]);
  while (count > 1) {
    uint32_t best = MergeTable::kNoRank;
    for (size_t i = 0; i + 1 < count; ++i) best = std::min(best, merges_[i].rank);
    if (best == MergeTable::kNoRank) break;
    // Compacts in place: everything at or after i is still unread, everything before out is done.
    size_t out = 0;
    bool previous_joined = false;
    for (size_t i = 0; i < count;) {
      const bool joins = i + 1 < count && merges_[i].rank == best;
      const Symbol symbol = joins ? merges_[i].result : symbols_[i];
      if (out > 0) {
        const bool changed = joins || previous_joined;
        merges_[out - 1] = changed ? table_->find(symbols_[out - 1], symbol) : merges_[i - 1];
      }
      symbols_[out++] = symbol;
      previous_joined = joins;
      i += joins ? 2 : 1;
    }
    count = out;
  }
  symbols_.resize(count);
}

void WordMerger::merge_by_heap() {
  SymbolList list(*table_, symbols_);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
  const auto consider = [&](std::vector<Candidate>& into, size_t left) {
    const uint32_t rank = list.merge_at(left).rank;
    if (rank != MergeTable::kNoRank) into.push_back({rank, left});
  };
  std::vector<Candidate> found;
  for (size_t i = 0; i < symbols_.size(); ++i) consider(found, i);
  while (true) {
    for (const Candidate& candidate : found) heap.push(candidate);
    found.clear();
    if (heap.empty()) break;
    // All places of this rank before any pair that they create, even one of a lower rank.
    const uint32_t rank = heap.top().rank;
    while (!heap.empty() && heap.top().rank == rank) {
      const size_t left = heap.top().left;
      heap.pop();
      const MergeTable::Merge merge = list.merge_at(left);
      if (merge.rank != rank) continue;
      list.join(left, merge.result);
      if (list.has_previous(left)) consider(found, list.previous(left));
      consider(found, left);
    }
  }
  std::erase(symbols_, kNoSymbol);
}

}  // namespace weft::tokenizer
