#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "weft/tokenizer/merge_table.hpp"

namespace weft::tokenizer {

/// Applies merges to one piece of text: again and again the adjacent pair with the lowest rank, at
/// each of its places from left to right (reference/megatron.md 2). Short pieces rescan an array,
/// long ones keep a heap, so a piece of n bytes costs O(n log n). Holds scratch memory: one thread
/// at a time.
class WordMerger {
 public:
  /// `table` must outlive this.
  explicit WordMerger(const MergeTable& table) : table_(&table) {}

  /// The symbols that `piece` ends as; valid until the next call.
  const std::vector<Symbol>& merge(std::string_view piece);

 private:
  void merge_by_scanning();
  void merge_by_heap();

  const MergeTable* table_;
  std::vector<Symbol> symbols_;
  std::vector<MergeTable::Merge> merges_;  ///< merges_[i] joins symbols_[i] and symbols_[i + 1]
};

}  // namespace weft::tokenizer
