#include "weft/data/indexed_dataset.hpp"

#include <algorithm>
#include <cstring>

#include "weft/base/error.hpp"

namespace weft::data {

namespace {

// The arrays of an .idx file start at byte 34, so their elements are not aligned.
template <typename T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void widen(const std::byte* from, std::span<int64_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): int8 tokens are numbers, not characters.
    out[i] = static_cast<int64_t>(load<T>(from + i * sizeof(T)));
  }
}

}  // namespace

std::string_view name(TokenType type) {
  switch (type) {
    case TokenType::uint8:
      return "uint8";
    case TokenType::int8:
      return "int8";
    case TokenType::int16:
      return "int16";
    case TokenType::int32:
      return "int32";
    case TokenType::int64:
      return "int64";
    case TokenType::float64:
      return "float64";
    case TokenType::float32:
      return "float32";
    case TokenType::uint16:
      return "uint16";
  }
  return "?";
}

bool indexed_dataset_exists(const std::string& prefix) {
  std::error_code ignored;
  return std::filesystem::exists(prefix + ".idx", ignored) &&
         std::filesystem::exists(prefix + ".bin", ignored);
}

IndexedDataset::IndexedDataset(const std::string& prefix) : prefix_(prefix) {
  if (!indexed_dataset_exists(prefix)) {
    fail_with_hint(ErrorKind::data, "--data-path PREFIX without .bin or .idx",
                   "One or both of the .idx and .bin files cannot be found at the path prefix {}",
                   prefix);
  }
  index_ = MappedFile(prefix + ".idx", ErrorKind::data);
  bin_ = MappedFile(prefix + ".bin", ErrorKind::data);
  check_header();
  check_sequences();
  check_documents();
}

void IndexedDataset::check_header() {
  const auto bytes = index_.bytes();
  const auto size = static_cast<int64_t>(bytes.size());
  check(size >= kIndexHeaderBytes &&
            std::memcmp(bytes.data(), kIndexMagic.data(), kIndexMagic.size()) == 0,
        ErrorKind::data, "bad header, cannot read: {}.idx", prefix_);
  const auto version = load<uint64_t>(bytes.data() + 9);
  check(version == 1, ErrorKind::data, "bad version, cannot read: {}.idx (got {}, expected 1)",
        prefix_, version);
  const auto code = load<uint8_t>(bytes.data() + 17);
  check(is_token_type(code), ErrorKind::data, "{}.idx has token type {} (expected 1 to 8)", prefix_,
        code);
  type_ = static_cast<TokenType>(code);

  const auto sequences = load<uint64_t>(bytes.data() + 18);
  const auto documents = load<uint64_t>(bytes.data() + 26);
  const auto body = static_cast<uint64_t>(size - kIndexHeaderBytes);
  const bool fits = sequences <= body / 12 && documents <= (body - 12 * sequences) / 8;
  const uint64_t rest = fits ? body - 12 * sequences - 8 * documents : 0;
  has_modes_ = fits && rest == sequences && sequences > 0;
  check(fits && (rest == 0 || has_modes_), ErrorKind::data,
        "{}.idx has {} bytes, which is not the size of an index of {} sequences and {} document "
        "entries",
        prefix_, size, sequences, documents);
  num_sequences_ = static_cast<int64_t>(sequences);
  num_document_entries_ = static_cast<int64_t>(documents);
}

void IndexedDataset::check_sequences() {
  const auto bin_size = static_cast<int64_t>(bin_.bytes().size());
  const int64_t item = size_of(type_);
  for (int64_t i = 0; i < num_sequences_; ++i) {
    const int64_t tokens = length(i);
    const int64_t start = pointer(i);
    check(tokens >= 0, ErrorKind::data, "{}.idx: sequence {} has length {}", prefix_, i, tokens);
    const bool inside = start >= 0 && start <= bin_size && tokens * item <= bin_size - start;
    check(inside, ErrorKind::data,
          "{}.idx: sequence {} lies at byte {} with {} bytes, but {}.bin has {} bytes", prefix_, i,
          start, tokens * item, prefix_, bin_size);
    num_tokens_ += tokens;
    longest_ = std::max(longest_, tokens);
  }
}

void IndexedDataset::check_documents() const {
  check(num_document_entries_ >= 1, ErrorKind::data,
        "{}.idx has no document index (expected at least one entry)", prefix_);
  int64_t before = 0;
  for (int64_t i = 0; i < num_document_entries_; ++i) {
    const int64_t start = document_start(i);
    check(start >= before && start <= num_sequences_ && (i > 0 || start == 0), ErrorKind::data,
          "{}.idx: document entry {} is {} (expected {} to {})", prefix_, i, start, before,
          i == 0 ? 0 : num_sequences_);
    before = start;
  }
  check(before == num_sequences_, ErrorKind::data,
        "{}.idx: the last document entry is {}, the index has {} sequences", prefix_, before,
        num_sequences_);
}

int64_t IndexedDataset::length(int64_t index) const {
  return load<int32_t>(index_.bytes().data() + kIndexHeaderBytes + 4 * index);
}

int64_t IndexedDataset::pointer(int64_t index) const {
  return load<int64_t>(index_.bytes().data() + kIndexHeaderBytes + 4 * num_sequences_ + 8 * index);
}

std::span<const std::byte> IndexedDataset::sequence_bytes(int64_t index) const {
  return bin_.bytes().subspan(static_cast<size_t>(pointer(index)),
                              static_cast<size_t>(length(index) * size_of(type_)));
}

int8_t IndexedDataset::mode(int64_t index) const {
  if (!has_modes_) return 0;
  return load<int8_t>(index_.bytes().data() + kIndexHeaderBytes + 12 * num_sequences_ +
                      8 * num_document_entries_ + index);
}

int64_t IndexedDataset::document_start(int64_t index) const {
  return load<int64_t>(index_.bytes().data() + kIndexHeaderBytes + 12 * num_sequences_ + 8 * index);
}

void IndexedDataset::read(int64_t index, int64_t offset, std::span<int64_t> out) const {
  check(index >= 0 && index < num_sequences_ && offset >= 0 &&
            static_cast<int64_t>(out.size()) <= length(index) - offset,
        ErrorKind::internal, "{} tokens from {} of sequence {} were asked of {}", out.size(),
        offset, index, prefix_);
  const std::byte* from = bin_.bytes().data() + pointer(index) + offset * size_of(type_);
  switch (type_) {
    case TokenType::uint8:
      return widen<uint8_t>(from, out);
    case TokenType::int8:
      return widen<int8_t>(from, out);
    case TokenType::int16:
      return widen<int16_t>(from, out);
    case TokenType::int32:
      return widen<int32_t>(from, out);
    case TokenType::int64:
      return widen<int64_t>(from, out);
    case TokenType::uint16:
      return widen<uint16_t>(from, out);
    case TokenType::float64:
    case TokenType::float32:
      fail(ErrorKind::data, "{}.idx has token type {}, which holds no token ids", prefix_,
           name(type_));
  }
}

}  // namespace weft::data
