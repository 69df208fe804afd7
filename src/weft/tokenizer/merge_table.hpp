#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace weft::tokenizer {

/// A piece while a word is being merged: 0..255 are the bytes, the others products of merges.
using Symbol = uint32_t;
inline constexpr Symbol kNoSymbol = 0xFFFFFFFF;

/// Merges in the order of their rank, as bytes.
using MergeList = std::vector<std::pair<std::string, std::string>>;

/// Reads merges.txt: the first line and what follows the last newline are dropped, each other line
/// is `A B` in ByteAlphabet's spelling (reference/megatron.md 2). A carriage return before the
/// newline is ignored. Throws Error{data} naming the line at fault.
MergeList read_merges(const std::filesystem::path& path);

/// Which two adjacent symbols merge, into what, and how early. Immutable after construction.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank = kNoRank;
    Symbol result = kNoSymbol;
  };
  static constexpr uint32_t kNoRank = 0xFFFFFFFF;

  explicit MergeTable(const MergeList& merges);

  /// The merge of `left` and `right`; rank kNoRank when there is none.
  Merge find(Symbol left, Symbol right) const;
  /// Bytes of every symbol, by symbol.
  const std::vector<std::string>& pieces() const { return pieces_; }

 private:
  struct Slot {
    uint64_t pair = kEmpty;
    Merge merge;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  size_t slot_of(uint64_t pair) const;

  std::vector<std::string> pieces_;
  std::vector<Slot> slots_;  ///< open addressing; a power of two, at most half full
  int shift_ = 0;
};

}  // namespace weft::tokenizer
