#include "weft/tensor/arena.hpp"

#include <gtest/gtest.h>

#include "weft/base/error.hpp"

namespace weft {
namespace {

TEST(Arena, CountsWhatItLaterHandsOut) {
  const auto take_all = [](Arena& arena) {
    std::vector<TensorView> views;
    views.push_back(arena.take({3, 5}));
    views.push_back(arena.take({1}, DType::i64));
    views.push_back(arena.take({17}, DType::i32));
    return views;
  };
  Arena counting;
  for (const TensorView& view : take_all(counting)) EXPECT_TRUE(view.empty());
  EXPECT_EQ(counting.used_bytes(), 3 * kAlignment);

  Buffer memory(counting.used_bytes());
  Arena arena(memory.data(), memory.size_bytes());
  const std::vector<TensorView> views = take_all(arena);
  EXPECT_EQ(arena.used_bytes(), counting.used_bytes());
  EXPECT_EQ(views[0].raw(), memory.data());
  EXPECT_EQ(views[1].raw(), memory.data() + kAlignment);
  EXPECT_EQ(views[2].raw(), memory.data() + 2 * kAlignment);
  EXPECT_EQ(views[1].dtype(), DType::i64);
  EXPECT_EQ(views[0].shape(), (Shape{3, 5}));
}

TEST(Arena, RefusesMoreThanItHolds) {
  Buffer memory(256);
  Arena arena(memory.data(), memory.size_bytes());
  arena.take({32});
  try {
    arena.take({1});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_STREQ(error.what(), "arena of 256 bytes is asked for 512");
    return;
  }
  FAIL() << "the arena handed out memory that it does not have";
}

}  // namespace
}  // namespace weft
