#pragma once

#include <cstdint>
#include <vector>

#include "weft/data/sequence_source.hpp"

namespace weft::data {

/// --mock-data: 100000 sequences of random length, sequence content 1, 2, ..., then eod
/// (reference/megatron.md 3.11).
class MockSequences final : public SequenceSource {
 public:
  explicit MockSequences(int64_t eod);

  int64_t num_sequences() const override { return static_cast<int64_t>(lengths_.size()); }
  int64_t length(int64_t index) const override { return lengths_[static_cast<size_t>(index)]; }
  void read(int64_t index, int64_t offset, std::span<int64_t> out) const override;

 private:
  int64_t eod_;
  std::vector<int32_t> lengths_;
};

}  // namespace weft::data
