#include "weft/tensor/tensor.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace weft {
namespace {

TEST(Shape, CountsElementsAndRows) {
  EXPECT_EQ((Shape{2, 3, 5}).num_elements(), 30);
  EXPECT_EQ((Shape{2, 3, 5}).num_rows(), 6);
  EXPECT_EQ((Shape{2, 3, 5}).last(), 5);
  EXPECT_EQ(Shape{}.num_elements(), 1);
  EXPECT_EQ(Shape{}.last(), 1);
  EXPECT_EQ((Shape{4, 0}).num_elements(), 0);
  EXPECT_EQ((Shape{4, 0}).num_rows(), 0);
}

TEST(Shape, ComparesAndPrints) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2}), (Shape{2, 1}));
  EXPECT_EQ(to_string(Shape{2, 3}), "[2, 3]");
  EXPECT_EQ(to_string(Shape{}), "[]");
}

TEST(DType, SizesAndNames) {
  EXPECT_EQ(size_of(DType::f32), 4u);
  EXPECT_EQ(size_of(DType::i32), 4u);
  EXPECT_EQ(size_of(DType::i64), 8u);
  EXPECT_EQ(name(DType::f32), "f32");
  EXPECT_EQ(name(DType::i64), "i64");
}

TEST(Tensor, StartsAtZeroAndIsWrittenThroughItsViews) {
  Tensor tensor({2, 3}, DType::f32);
  for (const float value : tensor.span<float>()) EXPECT_EQ(value, 0.0F);
  const TensorView view = tensor;
  view.data<float>()[4] = 2.5F;
  const ConstTensorView look = view.reshape({3, 2});
  EXPECT_EQ(look.span<float>()[4], 2.5F);
  EXPECT_EQ(look.shape(), (Shape{3, 2}));
  EXPECT_EQ(look.size_bytes(), 24u);
  EXPECT_EQ(look.raw(), tensor.view().raw());
}

TEST(Tensor, MovesItsMemory) {
  Tensor tensor({8}, DType::i64);
  tensor.span<int64_t>()[7] = 9;
  const void* memory = tensor.view().raw();
  const Tensor moved = std::move(tensor);
  EXPECT_EQ(moved.view().raw(), memory);
  EXPECT_EQ(moved.span<int64_t>()[7], 9);
}

TEST(TensorView, IsEmptyWithoutMemory) {
  EXPECT_TRUE(TensorView().empty());
  EXPECT_TRUE(ConstTensorView().empty());
  Tensor tensor({1}, DType::f32);
  EXPECT_FALSE(tensor.view().empty());
}

}  // namespace
}  // namespace weft
