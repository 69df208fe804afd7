#include "weft/base/philox.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <set>
#include <string>
#include <vector>

namespace weft::philox {
namespace {

std::vector<uint32_t> words(Key key, Counter counter) {
  const Block block = generate(key, counter);
  return {block.word[0], block.word[1], block.word[2], block.word[3]};
}

uint64_t bits(Key key) { return (static_cast<uint64_t>(key.high) << 32) | key.low; }

// The known answers of the Random123 distribution for philox4x32 with ten rounds.
TEST(Philox, ReproducesThePublishedAnswers) {
  EXPECT_EQ(words({0, 0}, {{0, 0, 0, 0}}),
            (std::vector<uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(words({ones, ones}, {{ones, ones, ones, ones}}),
            (std::vector<uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(words({0xa4093822, 0x299f31d0}, {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}),
            (std::vector<uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, CounterHoldsIndexAndStreamLowWordFirst) {
  const Counter c = counter(0x1122334455667788, 0x99aabbccddeeff00);
  EXPECT_EQ(c.word[0], 0x55667788u);
  EXPECT_EQ(c.word[1], 0x11223344u);
  EXPECT_EQ(c.word[2], 0xddeeff00u);
  EXPECT_EQ(c.word[3], 0x99aabbccu);
}

TEST(Philox, EveryCounterAndKeyBitReachesTheOutput) {
  const auto base = words({1, 2}, {{3, 4, 5, 6}});
  for (int bit = 0; bit < 192; ++bit) {
    Key key{1, 2};
    Counter at{{3, 4, 5, 6}};
    const uint32_t mask = 1u << (bit % 32);
    const int word = bit / 32;
    (word < 4 ? at.word[word] : word == 4 ? key.low : key.high) ^= mask;
    int changed = 0;
    const auto flipped = words(key, at);
    for (size_t i = 0; i < 4; ++i) changed += std::popcount(base[i] ^ flipped[i]);
    // 128 fair coins: mean 64, standard deviation 5.7.
    EXPECT_GT(changed, 35) << "bit " << bit;
    EXPECT_LT(changed, 93) << "bit " << bit;
  }
}

TEST(Philox, NamedKeysDifferByNameAndSeed) {
  std::set<uint64_t> keys;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (int layer = 0; layer < 50; ++layer) {
      keys.insert(bits(named_key(seed, "decoder.layers." + std::to_string(layer) + ".weight")));
      keys.insert(bits(named_key(seed, "decoder.layers." + std::to_string(layer) + ".bias")));
    }
  }
  EXPECT_EQ(keys.size(), 20u * 50u * 2u);
  EXPECT_EQ(bits(named_key(7, "a")), bits(named_key(7, "a")));
}

TEST(Philox, IndexedKeysTellTheirArgumentsApart) {
  std::set<uint64_t> keys;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    for (uint64_t a = 0; a < 20; ++a) {
      for (uint64_t b = 0; b < 20; ++b) keys.insert(bits(indexed_key(seed, a, b)));
    }
  }
  EXPECT_EQ(keys.size(), 10u * 20u * 20u);
  EXPECT_NE(bits(indexed_key(1, 2, 3)), bits(indexed_key(1, 3, 2)));
  EXPECT_NE(bits(indexed_key(1, 2, 3)), bits(indexed_key(2, 1, 3)));
}

TEST(Philox, StreamsOfTwoKeysAreUncorrelated) {
  const Key first = named_key(1234, "a");
  const Key second = named_key(1234, "b");
  constexpr int kBlocks = 20000;
  double sum = 0;
  double product = 0;
  for (uint64_t i = 0; i < kBlocks; ++i) {
    const double x = open_unit(generate(first, counter(i, 0)).word[0]);
    const double y = open_unit(generate(second, counter(i, 0)).word[0]);
    sum += x;
    product += (x - 0.5) * (y - 0.5);
  }
  // Standard deviations: 1/sqrt(12 n) of the mean, 1/(12 sqrt(n)) of the covariance; bounds at 5.
  EXPECT_NEAR(sum / kBlocks, 0.5, 5 * 0.00204);
  EXPECT_NEAR(product / kBlocks, 0.0, 5 * 0.00059);
}

TEST(Philox, OpenUnitExcludesZeroAndIncludesOne) {
  EXPECT_EQ(open_unit(0), 0x1p-32);
  EXPECT_EQ(open_unit(0x7fffffff), 0.5);
  EXPECT_EQ(open_unit(0xffffffff), 1.0);
}

}  // namespace
}  // namespace weft::philox
