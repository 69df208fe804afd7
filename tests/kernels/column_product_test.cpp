// Every product of a linear layer as a column-major library is asked for it, run by one in fp64 and
// compared with the layer's formulas.
#include "weft/kernels/column_product.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "reference/column_product.hpp"
#include "reference/linear.hpp"
#include "weft/base/error.hpp"

namespace weft::kernels {
namespace {

using reference::ColumnOperands;
using reference::LinearSizes;
using Numbers = std::vector<double>;

Numbers random_numbers(int64_t size, uint32_t seed) {
  std::mt19937 generator(seed);
  Numbers numbers;
  for (int64_t i = 0; i < size; ++i)
    numbers.push_back(static_cast<double>(generator()) / 2147483648.0 - 1.0);
  return numbers;
}

void expect_near(const Numbers& got, const Numbers& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-12) << what << i;
}

Numbers plus(Numbers a, const Numbers& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

/// A layer of 3 tokens, 5 inputs and 8 outputs: no two sizes are equal.
struct Layer {
  LinearSizes sizes{.tokens = 3, .in = 5, .out = 8};
  Numbers x = random_numbers(sizes.tokens * sizes.in, 1);
  Numbers w = random_numbers(sizes.out * sizes.in, 2);
  Numbers bias = random_numbers(sizes.out, 3);
  Numbers dy = random_numbers(sizes.tokens * sizes.out, 4);
  reference::LinearGradients gradients = reference::linear_backward(sizes, dy, x, w);

  GemmSpec forward(DType dtype = DType::bf16) const {
    return linear_forward_spec(sizes.tokens, sizes.in, sizes.out, dtype);
  }
  GemmSpec input_gradient(bool accumulate, DType dtype = DType::bf16) const {
    return linear_input_gradient_spec(sizes.tokens, sizes.in, sizes.out, dtype, accumulate);
  }
  GemmSpec weight_gradient(bool accumulate, DType dtype = DType::bf16) const {
    return linear_weight_gradient_spec(sizes.tokens, sizes.in, sizes.out, dtype, accumulate);
  }
};

/// Runs the product; operands must hold exactly what the descriptor spans.
ColumnOperands run(const ColumnProduct& product, ColumnOperands memory) {
  EXPECT_EQ(memory.first.size(), reference::span_of(product.first));
  EXPECT_EQ(memory.second.size(), reference::span_of(product.second));
  memory.result.resize(reference::span_of(product.result), 7.0);
  memory.aux.resize(reference::span_of(product.aux));
  reference::run_column_product(product, memory);
  return memory;
}

TEST(ColumnProduct, ForwardMultipliesByTheTransposedWeight) {
  const Layer layer;
  const ColumnProduct product = column_product(layer.forward());
  // The row of reference/cuda.md 2.1: m, n, k = O, T, I; strides I, I, O; first operand transposed.
  EXPECT_EQ(product.m, 8);
  EXPECT_EQ(product.n, 3);
  EXPECT_EQ(product.k, 5);
  EXPECT_TRUE(product.transpose_first);
  EXPECT_FALSE(product.transpose_second);
  EXPECT_EQ(product.first.stride, 5);
  EXPECT_EQ(product.second.stride, 5);
  EXPECT_EQ(product.result.stride, 8);
  const ColumnOperands memory = run(product, {.first = layer.w, .second = layer.x});
  expect_near(memory.result, reference::linear_forward(layer.sizes, layer.x, layer.w, {}), "y");
}

TEST(ColumnProduct, ForwardAddsTheBiasOfItsOutputs) {
  const Layer layer;
  GemmSpec spec = layer.forward();
  spec.bias = true;
  const ColumnProduct product = column_product(spec);
  EXPECT_EQ(product.bias, (EpilogueVector{.size = 8, .dtype = DType::bf16, .written = false}));
  const ColumnOperands memory =
      run(product, {.first = layer.w, .second = layer.x, .bias = layer.bias});
  expect_near(memory.result, reference::linear_forward(layer.sizes, layer.x, layer.w, layer.bias),
              "y");
}

TEST(ColumnProduct, ForwardKeepsWhatGeluReads) {
  const Layer layer;
  for (const bool has_bias : {false, true}) {
    const Epilogue epilogue = has_bias ? Epilogue::gelu_aux_bias : Epilogue::gelu_aux;
    const Numbers bias = has_bias ? layer.bias : Numbers{};
    const ColumnOperands memory = run(column_product(layer.forward(), epilogue),
                                      {.first = layer.w, .second = layer.x, .bias = bias});
    const Numbers z = reference::linear_forward(layer.sizes, layer.x, layer.w, bias);
    Numbers y = z;
    for (double& value : y) value = reference::gelu_tanh(value);
    expect_near(memory.aux, z, "z");
    expect_near(memory.result, y, "y");
  }
}

TEST(ColumnProduct, InputGradientOverwritesOrAdds) {
  const Layer layer;
  const Numbers before = random_numbers(layer.sizes.tokens * layer.sizes.in, 5);
  for (const bool accumulate : {false, true}) {
    const ColumnProduct product = column_product(layer.input_gradient(accumulate));
    EXPECT_FALSE(product.transpose_first);
    EXPECT_FALSE(product.transpose_second);
    const ColumnOperands memory =
        run(product, {.first = layer.w, .second = layer.dy, .result = before});
    expect_near(memory.result, accumulate ? plus(before, layer.gradients.dx) : layer.gradients.dx,
                "dx");
  }
}

TEST(ColumnProduct, InputGradientOfAPieceOfTheOutputsReadsItsColumnsOnly) {
  const Layer layer;
  constexpr int64_t kFirst = 2;
  constexpr int64_t kCount = 4;
  GemmSpec spec = layer.input_gradient(true);
  spec.k = kCount;
  spec.a_stride = layer.sizes.out;
  // The views start at the piece, as a caller's pointers do.
  const Numbers dy(layer.dy.begin() + kFirst,
                   layer.dy.begin() + kFirst + 2 * layer.sizes.out + kCount);
  const Numbers w(layer.w.begin() + kFirst * layer.sizes.in,
                  layer.w.begin() + (kFirst + kCount) * layer.sizes.in);
  const Numbers before = random_numbers(layer.sizes.tokens * layer.sizes.in, 5);
  const ColumnOperands memory =
      run(column_product(spec), {.first = w, .second = dy, .result = before});
  Numbers only = layer.dy;
  for (size_t i = 0; i < only.size(); ++i) {
    const int64_t output = static_cast<int64_t>(i) % layer.sizes.out;
    if (output < kFirst || output >= kFirst + kCount) only[i] = 0.0;
  }
  const auto gradients = reference::linear_backward(layer.sizes, only, layer.x, layer.w);
  expect_near(memory.result, plus(before, gradients.dx), "dx");
}

TEST(ColumnProduct, InputGradientGoesThroughGelu) {
  const Layer layer;
  // Of the layer after GELU: its inputs are the activations, so the width of dx must suit aux.
  const LinearSizes sizes{.tokens = 3, .in = 8, .out = 5};
  const Numbers w = random_numbers(sizes.out * sizes.in, 6);
  const Numbers dy = random_numbers(sizes.tokens * sizes.out, 7);
  const Numbers z = random_numbers(sizes.tokens * sizes.in, 8);
  Numbers dz = reference::linear_backward(sizes, dy, z, w).dx;
  for (size_t i = 0; i < dz.size(); ++i) dz[i] *= reference::gelu_tanh_derivative(z[i]);
  Numbers column_sums(static_cast<size_t>(sizes.in));
  for (size_t i = 0; i < dz.size(); ++i) column_sums[i % column_sums.size()] += dz[i];
  const GemmSpec spec =
      linear_input_gradient_spec(sizes.tokens, sizes.in, sizes.out, DType::bf16, false);
  for (const bool sums : {false, true}) {
    const ColumnProduct product =
        column_product(spec, sums ? Epilogue::dgelu_bias_sum : Epilogue::dgelu);
    const ColumnOperands memory =
        run(product, {.first = w, .second = dy, .bias = Numbers(sums ? 8 : 0, 9.0), .aux = z});
    expect_near(memory.result, dz, "dz");
    EXPECT_EQ(product.bias.size, sums ? sizes.in : 0);
    if (sums) expect_near(memory.bias, column_sums, "db");
  }
}

TEST(ColumnProduct, WeightGradientIsF32AndOverwritesOrAdds) {
  const Layer layer;
  const Numbers before = random_numbers(layer.sizes.out * layer.sizes.in, 5);
  for (const bool accumulate : {false, true}) {
    const ColumnProduct product = column_product(layer.weight_gradient(accumulate));
    EXPECT_EQ(product.result.dtype, DType::f32);
    EXPECT_EQ(product.first.dtype, DType::bf16);
    EXPECT_TRUE(product.transpose_second);
    const ColumnOperands memory =
        run(product, {.first = layer.x, .second = layer.dy, .result = before});
    expect_near(memory.result, accumulate ? plus(before, layer.gradients.dw) : layer.gradients.dw,
                "dw");
  }
}

TEST(ColumnProduct, WeightGradientSumsTheBiasGradientOverTokens) {
  const Layer layer;
  const ColumnProduct product =
      column_product(layer.weight_gradient(true), Epilogue::left_bias_sum);
  EXPECT_EQ(product.bias, (EpilogueVector{.size = 8, .dtype = DType::f32, .written = true}));
  const ColumnOperands memory = run(product, {.first = layer.x,
                                              .second = layer.dy,
                                              .result = Numbers(layer.w.size()),
                                              .bias = Numbers(8, 9.0)});
  expect_near(memory.bias, layer.gradients.dbias, "db");
  expect_near(memory.result, layer.gradients.dw, "dw");
}

TEST(ColumnProduct, EveryTypeGivesItsOwnOrF32) {
  const Layer layer;
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    for (const DType c_dtype : {DType::f32, DType::bf16, DType::f16}) {
      GemmSpec spec = layer.forward(dtype);
      spec.c_dtype = c_dtype;
      if (c_dtype != dtype && c_dtype != DType::f32) {
        EXPECT_THROW(column_product(spec), Error) << name(dtype) << " to " << name(c_dtype);
        continue;
      }
      const ColumnProduct product = column_product(spec, Epilogue::bias);
      EXPECT_EQ(product.first.dtype, dtype);
      EXPECT_EQ(product.second.dtype, dtype);
      EXPECT_EQ(product.result.dtype, c_dtype);
      EXPECT_EQ(product.bias.dtype, c_dtype);
    }
  }
}

TEST(ColumnProduct, RefusesEpiloguesThatDoNotFit) {
  const Layer layer;
  EXPECT_THROW(column_product(layer.forward(), Epilogue::left_bias_sum), Error);
  EXPECT_THROW(column_product(layer.weight_gradient(true), Epilogue::dgelu), Error);
  GemmSpec narrow = layer.forward();
  narrow.n = 12;
  EXPECT_THROW(column_product(narrow, Epilogue::gelu_aux_bias), Error);
  EXPECT_THROW(column_product(GemmSpec{.m = 1, .n = 0, .k = 1}), Error);
}

TEST(ColumnProduct, AlignmentFollowsTheStride) {
  const auto alignment = [](int64_t stride, DType dtype) {
    return column_alignment({.rows = 1, .columns = 1, .stride = stride, .dtype = dtype});
  };
  EXPECT_EQ(alignment(1600, DType::bf16), 16);
  EXPECT_EQ(alignment(4, DType::f32), 16);
  EXPECT_EQ(alignment(4, DType::f16), 8);
  EXPECT_EQ(alignment(77, DType::f32), 4);
  EXPECT_EQ(alignment(77, DType::bf16), 2);
}

}  // namespace
}  // namespace weft::kernels
