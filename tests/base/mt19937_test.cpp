#include "weft/base/mt19937.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <set>
#include <vector>

#include "support/vectors.hpp"

namespace weft {

namespace {

std::vector<int64_t> ascending(int64_t n) {
  std::vector<int64_t> values(static_cast<size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

TEST(Mt19937, GivesTheWordsOfTheReference) {
  const auto vector = testing::load_vector("data_indices");
  for (const auto& [seed, words] : vector.at("mt19937_first5_uint32").items()) {
    Mt19937 random(static_cast<uint32_t>(std::stoul(seed)));
    for (const uint32_t word : words) EXPECT_EQ(random.next(), word) << "seed " << seed;
  }
  Mt19937 random(1234);
  for (const uint32_t word : vector.at("mt19937_seed1234_first10")) {
    EXPECT_EQ(random.next(), word);
  }
}

TEST(Mt19937, AgreesWithTheStandardLibraryOverSeveralRefills) {
  Mt19937 random(5489);
  // The 10000th word of the default seed is part of the C++ standard.
  uint32_t word = 0;
  for (int i = 0; i < 10000; ++i) word = random.next();
  EXPECT_EQ(word, 4123659995U);
}

TEST(Mt19937, ShufflesAsNumpyDoes) {
  const auto vector = testing::load_vector("data_indices");
  ASSERT_FALSE(vector.at("numpy_shuffle").empty());
  for (const auto& entry : vector.at("numpy_shuffle")) {
    Mt19937 random(entry.at("seed"));
    for (const char* name : {"first_shuffle", "second_shuffle_same_state"}) {
      auto values = ascending(entry.at("n"));
      random.shuffle(std::span(values));
      EXPECT_EQ(values, entry.at(name).get<std::vector<int64_t>>())
          << name << ", seed " << entry.at("seed") << ", n " << entry.at("n");
    }
  }
  auto values = ascending(100000);
  Mt19937 random(1234);
  random.shuffle(std::span(values));
  values.resize(10);
  EXPECT_EQ(values, vector.at("shuffle_100000_seed1234_first10").get<std::vector<int64_t>>());
}

TEST(Mt19937, DrawsNothingForARangeOfOneValue) {
  Mt19937 random(7);
  EXPECT_EQ(random.below_or_equal(0), 0u);
  EXPECT_EQ(random.next(), Mt19937(7).next());
}

TEST(Mt19937, DrawsWideRangesHighWordFirst) {
  Mt19937 words(3);
  const uint64_t high = words.next();
  const uint64_t low = words.next();
  EXPECT_EQ(Mt19937(3).below_or_equal(~uint64_t{0}), (high << 32) | low);
}

TEST(TorchRandperm, GivesTorchsPermutations) {
  const auto vector = testing::load_vector("samplers");
  ASSERT_FALSE(vector.at("torch_randperm").empty());
  for (const auto& entry : vector.at("torch_randperm")) {
    EXPECT_EQ(torch_randperm(entry.at("n"), entry.at("seed")),
              entry.at("perm").get<std::vector<int64_t>>())
        << "seed " << entry.at("seed") << ", n " << entry.at("n");
  }
}

TEST(TorchRandperm, HoldsEveryNumberOnce) {
  const auto permutation = torch_randperm(1001, 17);
  EXPECT_EQ(std::set<int64_t>(permutation.begin(), permutation.end()).size(), 1001u);
  EXPECT_EQ(*std::max_element(permutation.begin(), permutation.end()), 1000);
  EXPECT_TRUE(torch_randperm(0, 17).empty());
}

}  // namespace

}  // namespace weft
