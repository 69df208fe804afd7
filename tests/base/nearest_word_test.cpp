#include "weft/base/nearest_word.hpp"

#include <gtest/gtest.h>

#include <array>

namespace weft {
namespace {

constexpr std::array<std::string_view, 3> kWords = {"zb-v", "v-min", "interleaved"};

TEST(NearestWord, OneErrorOfEveryKindIsForgiven) {
  EXPECT_EQ(nearest_word("zbv", kWords), "zb-v");
  EXPECT_EQ(nearest_word("v--min", kWords), "v-min");
  EXPECT_EQ(nearest_word("interleaveb", kWords), "interleaved");
}

TEST(NearestWord, AThirdOfAWordMayBeWrongAndTwoLettersAlways) {
  EXPECT_EQ(nearest_word("interleav", kWords), "interleaved");
  EXPECT_EQ(nearest_word("interl", kWords), "") << "five letters of six";
  EXPECT_EQ(nearest_word("b-v", kWords), "zb-v");
  EXPECT_EQ(nearest_word("", kWords), "");
}

TEST(NearestWord, TheFirstOfEqualsAndNothingBeyondTheLimit) {
  constexpr std::array<std::string_view, 2> words = {"ab", "ac"};
  EXPECT_EQ(nearest_word("aa", words), "ab");
  EXPECT_EQ(nearest_word("aa", words, 0), "");
  EXPECT_EQ(nearest_word("ac", words, 0), "ac");
}

}  // namespace
}  // namespace weft
