#include "weft/data/indexed_dataset_builder.hpp"

#include <unistd.h>

#include <cstring>
#include <limits>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::data {

namespace {

template <typename T>
void narrow(std::span<const int32_t> tokens, std::vector<std::byte>& out) {
  out.resize(tokens.size() * sizeof(T));
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto value = static_cast<T>(tokens[i]);
    check(static_cast<int64_t>(value) == tokens[i], ErrorKind::data,
          "token {} does not fit the {} bytes of the dataset's type", tokens[i], sizeof(T));
    std::memcpy(out.data() + i * sizeof(T), &value, sizeof(T));
  }
}

template <typename T>
void write_array(AtomicFile& file, const std::vector<T>& values) {
  file.write(std::as_bytes(std::span(values)));
}

template <typename T>
void write_value(AtomicFile& file, T value) {
  file.write(std::as_bytes(std::span(&value, 1)));
}

}  // namespace

IndexedDatasetBuilder::IndexedDatasetBuilder(const std::string& prefix, TokenType type,
                                             bool with_modes)
    : prefix_(prefix),
      type_(type),
      with_modes_(with_modes),
      bin_(prefix + ".bin", ErrorKind::data) {}

void IndexedDatasetBuilder::add_item(std::span<const int32_t> tokens, int8_t mode) {
  write_tokens(tokens);
  add_length(static_cast<int64_t>(tokens.size()), mode);
}

void IndexedDatasetBuilder::add_document(std::span<const int32_t> tokens,
                                         std::span<const int32_t> lengths,
                                         std::span<const int8_t> modes) {
  int64_t total = 0;
  for (const int32_t length : lengths) total += length;
  check(total == static_cast<int64_t>(tokens.size()), ErrorKind::internal,
        "the sequences of a document have {} tokens, the document has {}", total, tokens.size());
  write_tokens(tokens);
  for (size_t i = 0; i < lengths.size(); ++i) add_length(lengths[i], modes.empty() ? 0 : modes[i]);
  end_document();
}

void IndexedDatasetBuilder::end_document() {
  document_starts_.push_back(static_cast<int64_t>(lengths_.size()));
}

void IndexedDatasetBuilder::add_dataset(const IndexedDataset& other) {
  check(other.token_type() == type_, ErrorKind::data, "{} holds {} tokens, the others {}",
        other.prefix(), name(other.token_type()), name(type_));
  check(other.has_modes() == with_modes_ || other.num_sequences() == 0, ErrorKind::data,
        "{} {} multimodal data, unlike the others", other.prefix(),
        other.has_modes() ? "is" : "is not");
  const auto before = static_cast<int64_t>(lengths_.size());
  for (int64_t i = 0; i < other.num_sequences(); ++i) {
    add_length(other.length(i), other.mode(i));
    bin_.write(other.sequence_bytes(i));
  }
  for (int64_t i = 1; i <= other.num_documents(); ++i) {
    document_starts_.push_back(before + other.document_start(i));
  }
}

void IndexedDatasetBuilder::write_tokens(std::span<const int32_t> tokens) {
  switch (type_) {
    case TokenType::uint8:
      narrow<uint8_t>(tokens, buffer_);
      break;
    case TokenType::int8:
      narrow<int8_t>(tokens, buffer_);
      break;
    case TokenType::int16:
      narrow<int16_t>(tokens, buffer_);
      break;
    case TokenType::uint16:
      narrow<uint16_t>(tokens, buffer_);
      break;
    case TokenType::int32:
      narrow<int32_t>(tokens, buffer_);
      break;
    case TokenType::int64:
      narrow<int64_t>(tokens, buffer_);
      break;
    case TokenType::float32:
    case TokenType::float64:
      fail(ErrorKind::internal, "tokens cannot be written as {}", name(type_));
  }
  bin_.write(buffer_);
}

void IndexedDatasetBuilder::add_length(int64_t tokens, int8_t mode) {
  check(tokens <= std::numeric_limits<int32_t>::max(), ErrorKind::data,
        "a sequence has {} tokens (at most 2147483647)", tokens);
  lengths_.push_back(static_cast<int32_t>(tokens));
  if (with_modes_) modes_.push_back(mode);
  num_tokens_ += tokens;
}

void IndexedDatasetBuilder::complete() {
  AtomicFile index(prefix_ + ".idx", ErrorKind::data);
  index.write(std::as_bytes(std::span(kIndexMagic)));
  write_value(index, uint64_t{1});
  write_value(index, static_cast<uint8_t>(type_));
  write_value(index, static_cast<uint64_t>(lengths_.size()));
  write_value(index, static_cast<uint64_t>(document_starts_.size()));
  write_array(index, lengths_);
  std::vector<int64_t> pointers;
  pointers.reserve(lengths_.size());
  int64_t position = 0;
  for (const int32_t length : lengths_) {
    pointers.push_back(position);
    position += length * size_of(type_);
  }
  write_array(index, pointers);
  write_array(index, document_starts_);
  if (with_modes_) write_array(index, modes_);
  bin_.flush();
  index.flush();
  index_.emplace(std::move(index));
}

void IndexedDatasetBuilder::finalize() {
  if (!index_) complete();
  // An older index must not stand beside the new tokens, not even for a moment.
  unlink((prefix_ + ".idx").c_str());
  bin_.commit();
  try {
    index_->commit();
  } catch (...) {
    // Tokens without their index would be a partial result under a final name.
    unlink((prefix_ + ".bin").c_str());
    throw;
  }
}

}  // namespace weft::data
