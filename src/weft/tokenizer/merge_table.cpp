#include "weft/tokenizer/merge_table.hpp"

#include <algorithm>
#include <bit>
#include <string_view>
#include <unordered_map>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/tokenizer/byte_alphabet.hpp"
#include "weft/tokenizer/utf8.hpp"

namespace weft::tokenizer {

namespace {

/// The start of `text` for a message: no control characters, valid UTF-8.
std::string printable(std::string_view text) {
  std::string shown = replace_invalid_utf8(text.substr(0, 40));
  std::ranges::replace_if(
      shown, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, '?');
  return shown;
}

std::string as_bytes(const ByteAlphabet& alphabet, std::string_view spelling,
                     const std::filesystem::path& path, size_t line) {
  auto bytes = alphabet.unspell(spelling);
  check(bytes.has_value() && !bytes->empty(), ErrorKind::data,
        "merges {} line {}: '{}' is not a piece in GPT-2's byte alphabet", path.string(), line,
        printable(spelling));
  return *std::move(bytes);
}

uint64_t pair_key(Symbol left, Symbol right) { return (uint64_t{left} << 32) | right; }

}  // namespace

MergeList read_merges(const std::filesystem::path& path) {
  const MappedFile file(path, ErrorKind::data);
  const ByteAlphabet alphabet;
  MergeList merges;
  std::string_view rest = file.text();
  check(rest.find('\n') != std::string_view::npos, ErrorKind::data,
        "merges {} has no line; expected a version line, then one merge a line", path.string());
  for (size_t line = 1;; ++line) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return merges;
    std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line == 1) continue;
    if (text.ends_with('\r')) text.remove_suffix(1);
    const size_t space = text.find(' ');
    const bool two_pieces = space != std::string_view::npos && space == text.rfind(' ');
    check(two_pieces, ErrorKind::data,
          "merges {} line {}: '{}', expected two pieces with one space between", path.string(),
          line, printable(text));
    merges.emplace_back(as_bytes(alphabet, text.substr(0, space), path, line),
                        as_bytes(alphabet, text.substr(space + 1), path, line));
  }
}

MergeTable::MergeTable(const MergeList& merges) {
  check(merges.size() < kNoRank / 4, ErrorKind::data, "{} merges, expected fewer than {}",
        merges.size(), kNoRank / 4);
  const size_t num_slots = std::bit_ceil(2 * merges.size() + 2);
  slots_.resize(num_slots);
  shift_ = 64 - std::countr_zero(num_slots);

  std::unordered_map<std::string, Symbol> symbols;
  symbols.reserve(merges.size() + 256);
  pieces_.reserve(merges.size() + 256);
  const auto intern = [&](const std::string& piece) {
    const auto [it, is_new] = symbols.emplace(piece, static_cast<Symbol>(pieces_.size()));
    if (is_new) pieces_.push_back(piece);
    return it->second;
  };
  for (int byte = 0; byte < 256; ++byte) intern(std::string(1, static_cast<char>(byte)));
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    const uint64_t pair = pair_key(intern(left), intern(right));
    // A repeated line overrides the earlier one, as a Python dict does.
    slots_[slot_of(pair)] = {pair, {static_cast<uint32_t>(rank), intern(left + right)}};
  }
}

size_t MergeTable::slot_of(uint64_t pair) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = (pair * 0x9E3779B97F4A7C15U) >> shift_;
  while (slots_[slot].pair != pair && slots_[slot].pair != kEmpty) slot = (slot + 1) & mask;
  return slot;
}

MergeTable::Merge MergeTable::find(Symbol left, Symbol right) const {
  const uint64_t pair = pair_key(left, right);
  const Slot& slot = slots_[slot_of(pair)];
  return slot.pair == pair ? slot.merge : Merge{};
}

}  // namespace weft::tokenizer
