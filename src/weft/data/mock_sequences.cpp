#include "weft/data/mock_sequences.hpp"

#include "weft/base/pcg64.hpp"

namespace weft::data {

namespace {
constexpr size_t kNumSequences = 100000;
constexpr int64_t kLongest = 4096;  // exclusive
}  // namespace

MockSequences::MockSequences(int64_t eod) : eod_(eod), lengths_(kNumSequences) {
  Pcg64 random;
  for (int32_t& length : lengths_) length = static_cast<int32_t>(random.integer(1, kLongest));
}

void MockSequences::read(int64_t index, int64_t offset, std::span<int64_t> out) const {
  const int64_t last = length(index) - 1;
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t at = offset + static_cast<int64_t>(i);
    out[i] = at == last ? eod_ : at + 1;
  }
}

}  // namespace weft::data
