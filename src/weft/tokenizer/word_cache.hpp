#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "weft/tokenizer/tokenizer.hpp"

namespace weft::tokenizer {

/// Ids of pieces that were encoded before. A fixed 2 MB: each piece has one possible place and a
/// newcomer evicts what stands there, so frequent words stay. Pieces too long for an entry are not
/// kept. One thread at a time.
class WordCache {
 public:
  WordCache() : entries_(kNumEntries) {}

  /// Ids of `piece` (not empty), or an empty span.
  std::span<const TokenId> find(std::string_view piece) const {
    if (piece.size() > kMaxBytes) return {};
    const Entry& entry = entries_[place(piece)];
    if (entry.num_bytes != piece.size()) return {};
    if (std::memcmp(entry.bytes.data(), piece.data(), piece.size()) != 0) return {};
    return {entry.ids.data(), entry.num_ids};
  }

  /// Remembers the ids of `piece`, if they fit.
  void insert(std::string_view piece, std::span<const TokenId> ids) {
    if (piece.size() > kMaxBytes || ids.size() > kMaxIds) return;
    Entry& entry = entries_[place(piece)];
    entry.num_bytes = static_cast<uint8_t>(piece.size());
    entry.num_ids = static_cast<uint8_t>(ids.size());
    std::memcpy(entry.bytes.data(), piece.data(), piece.size());
    std::ranges::copy(ids, entry.ids.begin());
  }

 private:
  static constexpr int kLogEntries = 15;
  static constexpr size_t kNumEntries = size_t{1} << kLogEntries;
  static constexpr size_t kMaxBytes = 30;
  static constexpr size_t kMaxIds = 8;

  struct alignas(64) Entry {
    uint8_t num_bytes = 0;  ///< 0: empty
    uint8_t num_ids = 0;
    std::array<char, kMaxBytes> bytes{};
    std::array<TokenId, kMaxIds> ids{};
  };
  static_assert(sizeof(Entry) == 64, "one cache line");

  static size_t place(std::string_view piece) {
    constexpr uint64_t kFactor = 0x9E3779B97F4A7C15U;
    uint64_t hash = piece.size() * kFactor;
    const char* bytes = piece.data();
    size_t left = piece.size();
    for (; left > 8; left -= 8, bytes += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes, 8);
      hash = ((hash ^ word) * kFactor) ^ (hash >> 29);
    }
    uint64_t tail = 0;
    std::memcpy(&tail, bytes, left);
    hash = (hash ^ tail) * kFactor;
    return (hash ^ (hash >> 32)) * kFactor >> (64 - kLogEntries);
  }

  std::vector<Entry> entries_;
};

}  // namespace weft::tokenizer
