#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>

#include "weft/base/files.hpp"
#include "weft/data/sequence_source.hpp"
#include "weft/data/token_type.hpp"

namespace weft::data {

/// Bytes of an .idx file before its arrays.
inline constexpr int64_t kIndexHeaderBytes = 34;
/// First nine bytes of an .idx file.
inline constexpr std::array<char, 9> kIndexMagic{'M', 'M', 'I', 'D', 'I', 'D', 'X', '\0', '\0'};

/// PREFIX.idx and PREFIX.bin, memory-mapped (reference/megatron.md 1.1). The index is not trusted:
/// every count, length and offset is checked when it is opened, so reading cannot leave the files.
class IndexedDataset final : public SequenceSource {
 public:
  /// Throws Error{data} naming the file, what was found and what was expected.
  explicit IndexedDataset(const std::string& prefix);

  int64_t num_sequences() const override { return num_sequences_; }
  int64_t length(int64_t index) const override;
  void read(int64_t index, int64_t offset, std::span<int64_t> out) const override;

  const std::string& prefix() const { return prefix_; }
  TokenType token_type() const { return type_; }
  int64_t num_documents() const { return num_document_entries_ - 1; }
  /// Entry `index` of the document index: the number of sequences before document `index`.
  int64_t document_start(int64_t index) const;
  int64_t num_tokens() const { return num_tokens_; }
  int64_t longest() const { return longest_; }
  /// Whether the index has a mode byte per sequence (multimodal data).
  bool has_modes() const { return has_modes_; }
  /// Mode byte of sequence `index`; 0 without modes.
  int8_t mode(int64_t index) const;
  /// The tokens of sequence `index` as they lie in .bin.
  std::span<const std::byte> sequence_bytes(int64_t index) const;

 private:
  void check_header();
  void check_sequences();
  void check_documents() const;
  int64_t pointer(int64_t index) const;

  std::string prefix_;
  MappedFile index_;
  MappedFile bin_;
  TokenType type_ = TokenType::uint16;
  bool has_modes_ = false;
  int64_t num_sequences_ = 0;
  int64_t num_document_entries_ = 0;
  int64_t num_tokens_ = 0;
  int64_t longest_ = 0;
};

/// Whether both files of a prefix exist.
bool indexed_dataset_exists(const std::string& prefix);

}  // namespace weft::data
