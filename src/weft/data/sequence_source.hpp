#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace weft::data {

/// Tokenised sequences that samples are cut from. Const calls are safe from several threads.
class SequenceSource {
 public:
  virtual ~SequenceSource() = default;
  virtual int64_t num_sequences() const = 0;
  /// Tokens of sequence `index`.
  virtual int64_t length(int64_t index) const = 0;
  /// Fills `out` with the tokens of sequence `index` from token `offset` on.
  virtual void read(int64_t index, int64_t offset, std::span<int64_t> out) const = 0;
};

}  // namespace weft::data
