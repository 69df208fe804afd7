#include "weft/base/pcg64.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace weft {

namespace {

// Figures of numpy 2: default_rng(0).integers(1, 4096, size=100000), one draw at a time or all at
// once.
TEST(Pcg64, DrawsTheIntegersOfNumpy) {
  Pcg64 random;
  std::vector<int64_t> first;
  int64_t sum = 0;
  int64_t last = 0;
  for (int i = 0; i < 100000; ++i) {
    last = random.integer(1, 4096);
    if (i < 10) first.push_back(last);
    sum += last;
  }
  EXPECT_EQ(first, (std::vector<int64_t>{3484, 2609, 2094, 1105, 1261, 168, 309, 68, 718, 3331}));
  EXPECT_EQ(last, 769);
  EXPECT_EQ(sum, 204637097);
}

TEST(Pcg64, HandsOutBothHalvesOfAWordLowHalfFirst) {
  Pcg64 words;
  const uint64_t word = words.next64();
  Pcg64 halves;
  EXPECT_EQ(halves.next32(), static_cast<uint32_t>(word));
  EXPECT_EQ(halves.next32(), static_cast<uint32_t>(word >> 32));
  EXPECT_EQ(halves.next64(), words.next64());
}

}  // namespace

}  // namespace weft
