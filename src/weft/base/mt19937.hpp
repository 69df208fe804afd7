#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace weft {

/// Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) with the scalar seeding of init_genrand,
/// as numpy.random.RandomState(seed) and torch.Generator().manual_seed(seed) start it.
class Mt19937 {
 public:
  explicit Mt19937(uint32_t seed);

  /// The next tempered word.
  uint32_t next();
  /// Uniform integer in [0, max] by masked rejection, as numpy's legacy generator draws it: 32-bit
  /// words while max fits, else two words, high first.
  uint64_t below_or_equal(uint64_t max);

  /// numpy's RandomState.shuffle of a one-dimensional array: for i = n - 1 .. 1 swap i with j <= i.
  template <typename T>
  void shuffle(std::span<T> values) {
    for (size_t i = values.size(); i-- > 1;) {
      std::swap(values[i], values[static_cast<size_t>(below_or_equal(i))]);
    }
  }

 private:
  static constexpr size_t kWords = 624;
  void refill();

  std::array<uint32_t, kWords> state_;
  size_t position_ = kWords;
};

/// torch.randperm(n) on the CPU with a generator seeded by `seed`; n is below 2^32 / 20.
std::vector<int64_t> torch_randperm(int64_t n, uint32_t seed);

}  // namespace weft
