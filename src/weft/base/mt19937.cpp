#include "weft/base/mt19937.hpp"

#include <bit>
#include <numeric>

#include "weft/base/error.hpp"

namespace weft {

Mt19937::Mt19937(uint32_t seed) {
  state_[0] = seed;
  for (uint32_t i = 1; i < kWords; ++i) {
    state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  }
}

void Mt19937::refill() {
  constexpr size_t kShift = 397;
  constexpr uint32_t kUpper = 0x80000000U;
  constexpr uint32_t kMatrix = 0x9908B0DFU;
  for (size_t i = 0; i < kWords; ++i) {
    const uint32_t joined = (state_[i] & kUpper) | (state_[(i + 1) % kWords] & ~kUpper);
    const uint32_t twist = (joined >> 1) ^ ((joined & 1U) != 0U ? kMatrix : 0U);
    state_[i] = state_[(i + kShift) % kWords] ^ twist;
  }
  position_ = 0;
}

uint32_t Mt19937::next() {
  if (position_ == kWords) refill();
  uint32_t word = state_[position_++];
  word ^= word >> 11;
  word ^= (word << 7) & 0x9D2C5680U;
  word ^= (word << 15) & 0xEFC60000U;
  return word ^ (word >> 18);
}

uint64_t Mt19937::below_or_equal(uint64_t max) {
  if (max == 0) return 0;
  const uint64_t mask = ~uint64_t{0} >> std::countl_zero(max);
  while (true) {
    uint64_t draw = 0;
    if (max > 0xFFFFFFFFU) draw = uint64_t{next()} << 32;
    draw = (draw | next()) & mask;
    if (draw <= max) return draw;
  }
}

std::vector<int64_t> torch_randperm(int64_t n, uint32_t seed) {
  check(n < int64_t{0xFFFFFFFF} / 20, ErrorKind::data,
        "a permutation of {} samples is not supported (at most 214748363)", n);
  std::vector<int64_t> permutation(static_cast<size_t>(n));
  std::iota(permutation.begin(), permutation.end(), 0);
  Mt19937 generator(seed);
  for (int64_t i = 0; i + 1 < n; ++i) {
    const int64_t offset = generator.next() % static_cast<uint64_t>(n - i);
    std::swap(permutation[static_cast<size_t>(i)], permutation[static_cast<size_t>(i + offset)]);
  }
  return permutation;
}

}  // namespace weft
