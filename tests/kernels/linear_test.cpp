#include <gtest/gtest.h>

#include <optional>

#include "reference/linear.hpp"
#include "support/gradient_check.hpp"
#include "support/kernel_variants.hpp"
#include "support/tensor_near.hpp"
#include "support/test_tensors.hpp"
#include "support/thread_counts.hpp"
#include "weft/kernels/activation.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/gemm.hpp"
#include "weft/kernels/onednn_product.hpp"

namespace weft::kernels {
namespace {

using reference::LinearSizes;
using namespace weft::testing;  // NOLINT(google-build-using-namespace)

struct LinearCase {
  explicit LinearCase(const LinearSizes& sizes, const KernelVariant& kernel = {})
      : size(sizes),
        variant(kernel),
        x(as_type(kernel.dtype, random_tensor({size.tokens, size.in}, 1))),
        w(as_type(kernel.dtype, random_tensor({size.out, size.in}, 2))),
        bias(as_type(kernel.dtype, random_tensor({size.out}, 3))),
        dy(as_type(kernel.dtype, random_tensor({size.tokens, size.out}, 4))) {}

  /// y, dx, dw. What is written starts at NaN; `dw_start` is what dw is added to, if to anything.
  std::vector<Tensor> run(bool with_bias, std::optional<float> dw_start = {}) const {
    Stream stream({}, variant.set);
    const LinearPlan plan(stream, size.tokens, size.in, size.out, with_bias, variant.dtype);
    Buffer workspace(plan.workspace_bytes());
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    std::vector<Tensor> r;
    r.push_back(filled_tensor(dy.shape(), NAN, variant.dtype));
    r.push_back(filled_tensor(x.shape(), NAN, variant.dtype));
    r.push_back(filled_tensor(w.shape(), dw_start.value_or(NAN)));
    plan.forward(context, x, w, with_bias ? bias.view() : ConstTensorView(), r[0]);
    plan.backward_input(context, dy, w, r[1]);
    plan.backward_weight(context, dy, x, dw_start.has_value(), r[2]);
    return r;
  }

  LinearSizes size;
  KernelVariant variant;
  Tensor x;
  Tensor w;
  Tensor bias;
  Tensor dy;
};

void expect_matches_reference(const LinearSizes& size, const KernelVariant& variant = {}) {
  SCOPED_TRACE(::testing::Message() << size.tokens << " tokens, " << size.in << " -> " << size.out
                                    << " in " << name(variant.dtype));
  const LinearCase layer(size, variant);
  const auto x = to_double(layer.x);
  const auto w = to_double(layer.w);
  const auto depth = [](int64_t k) { return 2.0 * std::sqrt(static_cast<double>(k)); };
  for (const bool with_bias : {false, true}) {
    const std::vector<Tensor> r = layer.run(with_bias);
    const auto bias = with_bias ? to_double(layer.bias) : std::vector<double>{};
    const auto gradients = reference::linear_backward(size, to_double(layer.dy), x, w);
    const Tolerance base = tolerance_of(variant.dtype);
    expect_tensor_near("y", r[0], reference::linear_forward(size, x, w, bias),
                       scaled(base, depth(size.in)));
    expect_tensor_near("dx", r[1], gradients.dx, scaled(base, depth(size.out)));
    // Weight gradients are f32 in every type.
    expect_tensor_near("dw", r[2], gradients.dw,
                       scaled(tolerance_of(DType::f32), depth(size.tokens)));
  }
}

TEST(Linear, MatchesTheReferenceAtOddSizes) {
  for (const int64_t tokens : {1, 3, 65}) {
    for (const int64_t in : {1, 17, 64}) {
      for (const int64_t out : {1, 3, 63}) expect_matches_reference({tokens, in, out});
    }
  }
  expect_matches_reference({300, 96, 130});  // packs the weight for the input gradient
}

TEST(Linear, MatchesTheReferenceInEveryTypeAndInstructionSet) {
  for_each_variant([](const KernelVariant& variant) {
    for (const LinearSizes& size : {LinearSizes{1, 1, 1}, LinearSizes{3, 17, 63},
                                    LinearSizes{65, 64, 3}, LinearSizes{300, 96, 130}}) {
      expect_matches_reference(size, variant);
    }
  });
}

TEST(Linear, SumsTheInputGradientOverPiecesOfOutputs) {
  for_each_variant([](const KernelVariant& variant) {
    expect_matches_reference({2, 3, 8193}, variant);  // two pieces and a rest of one output
    expect_matches_reference({3, 2, 12288}, variant);
  });
}

// Where bf16 is multiplied in f32, the input gradient runs in panels of 1024 rows: the first packs
// the weight as it is, the rest is too small to pack and reads it converted.
TEST(Linear, MatchesTheReferenceWhenOnlySomePanelsPack) {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    expect_matches_reference({1124, 2, 8192}, {.dtype = dtype, .set = best_instruction_set()});
  }
}

TEST(Linear, BitsDoNotDependOnThreadsInAnyType) {
  for (const DType dtype : {DType::bf16, DType::f16}) {
    for (const LinearSizes& size : {LinearSizes{1500, 96, 80}, LinearSizes{1024, 64, 64},
                                    LinearSizes{300, 256, 1024}, LinearSizes{40, 24, 8300}}) {
      const LinearCase layer(size, {.dtype = dtype, .set = best_instruction_set()});
      expect_same_for_thread_counts([&] { return layer.run(true); });
    }
  }
}

TEST(Linear, SumsTheWeightGradientOverPiecesOfTokens) {
  for (const int64_t tokens : {1023, 1024, 1025, 2048, 2500}) {
    expect_matches_reference({tokens, 9, 5});
  }
}

TEST(Linear, TheWeightGradientAddsToWhatIsThere) {
  const LinearCase layer({1100, 6, 4});
  std::vector<double> expected = to_double(layer.run(false)[2]);
  for (double& value : expected) value += 7.0;
  expect_tensor_near("dw", layer.run(false, 7.0F)[2], expected,
                     scaled(tolerance_of(DType::f32), 70.0));
}

TEST(Linear, WritingTheWeightGradientGivesTheBitsOfAddingItToZeros) {
  for_each_variant([](const KernelVariant& variant) {
    for (const LinearSizes& size :
         {LinearSizes{1, 1, 1}, LinearSizes{65, 17, 63}, LinearSizes{300, 96, 130},
          LinearSizes{1500, 96, 80}, LinearSizes{2048, 48, 64}}) {
      SCOPED_TRACE(::testing::Message()
                   << size.tokens << " tokens, " << size.in << " -> " << size.out);
      const LinearCase layer(size, variant);
      expect_same_bits("dw", layer.run(false)[2], layer.run(false, 0.0F)[2]);
    }
  });
}

TEST(Linear, OnTheProcessorEpiloguesAreKernelsWithTheirBits) {
  for_each_variant([](const KernelVariant& variant) {
    // The second's input gradient is summed in pieces.
    for (const LinearSizes& size : {LinearSizes{65, 24, 40}, LinearSizes{17, 8, 8200}}) {
      const LinearCase layer(size, variant);
      Stream stream({}, variant.set);
      const LinearEpilogues all{.gelu = true, .gelu_gradient = true, .bias_gradient = true};
      const LinearPlan plan(stream, size.tokens, size.in, size.out, true, variant.dtype, all);
      EXPECT_FALSE(plan.fuses_gelu() || plan.fuses_gelu_gradient());
      EXPECT_FALSE(plan.fuses_bias_gradient(false) || plan.fuses_bias_gradient(true));
      Buffer workspace(plan.workspace_bytes());
      const Context context{stream, {workspace.data(), workspace.size_bytes()}};
      const std::vector<Tensor> separate = layer.run(true, 0.5F);
      const auto unwritten = [&](const Shape& shape) {
        return filled_tensor(shape, NAN, variant.dtype);
      };

      Tensor z = unwritten(layer.dy.shape());
      Tensor y = unwritten(layer.dy.shape());
      plan.forward_gelu(context, layer.x, layer.w, layer.bias, z, y);
      Tensor expected_y = unwritten(layer.dy.shape());
      activation_forward(context, Activation::gelu_tanh, separate[0], expected_y);
      expect_same_bits("z", z, separate[0]);
      expect_same_bits("y", y, expected_y);

      Tensor dz = unwritten(layer.x.shape());
      plan.backward_input_gelu(context, layer.dy, layer.w, layer.x, dz);
      Tensor expected_dz = unwritten(layer.x.shape());
      activation_backward(context, Activation::gelu_tanh, separate[1], layer.x, expected_dz);
      expect_same_bits("dz", dz, expected_dz);

      Tensor dw = filled_tensor(layer.w.shape(), 0.5F);
      Tensor db = filled_tensor(layer.bias.shape(), 2.0F);
      plan.backward_weight(context, layer.dy, layer.x, true, dw, db);
      Tensor expected_db = filled_tensor(layer.bias.shape(), 2.0F);
      column_sum(context, layer.dy, expected_db);
      expect_same_bits("dw", dw, separate[2]);
      expect_same_bits("db", db, expected_db);
    }
  });
}

TEST(Linear, ReferenceAgreesWithCentralDifferences) {
  const LinearSizes size{4, 5, 3};
  const LinearCase layer(size);
  const auto x = to_double(layer.x);
  const auto w = to_double(layer.w);
  const auto dy = to_double(layer.dy);
  const auto gradients = reference::linear_backward(size, dy, x, w);
  check_gradient(
      "dx", [&](const auto& v) { return dot(reference::linear_forward(size, v, w, {}), dy); }, x,
      gradients.dx);
  check_gradient(
      "dw", [&](const auto& v) { return dot(reference::linear_forward(size, x, v, {}), dy); }, w,
      gradients.dw);
}

TEST(Linear, BitsDoNotDependOnThreads) {
  for (const LinearSizes& size :
       {LinearSizes{1500, 96, 80}, LinearSizes{2048, 48, 64}, LinearSizes{300, 256, 1024},
        LinearSizes{33, 512, 33}, LinearSizes{260, 17, 1999}}) {
    const LinearCase layer(size);
    expect_same_for_thread_counts([&] { return layer.run(true); });
  }
}

TEST(LinearSlow, BitsDoNotDependOnThreadsAtModelSizes) {
  for (const LinearSizes& size :
       {LinearSizes{2048, 256, 1024}, LinearSizes{2048, 1024, 256}, LinearSizes{1024, 256, 8192}}) {
    const LinearCase layer(size);
    expect_same_for_thread_counts([&] { return layer.run(false); });
  }
}

// The product that bf16 takes where it is the faster one, whatever this processor prefers.
TEST(OneDnnProduct, MultipliesBf16) {
  if (best_instruction_set() == InstructionSet::v3) GTEST_SKIP() << "this processor has no bf16";
  const LinearSizes size{300, 130, 96};  // tokens, in, out
  const LinearCase layer(size, {.dtype = DType::bf16, .set = InstructionSet::v4});
  const auto run = [&](GemmSpec spec, const Tensor& a, const Tensor& b, Shape shape) {
    spec.dtype = DType::bf16;
    const OneDnnProduct product(spec);
    Buffer workspace(product.workspace_bytes() + 64);
    Tensor c(shape, spec.c_dtype);
    product.run(workspace.data(), a.view().raw(), b.view().raw(), c.view().raw(), nullptr);
    return c;
  };
  const auto products = [&] {
    std::vector<Tensor> r;
    r.push_back(run({.m = 300, .n = 96, .k = 130, .transpose_b = true, .c_dtype = DType::bf16},
                    layer.x, layer.w, {300, 96}));
    r.push_back(
        run({.m = 300, .n = 130, .k = 96, .c_dtype = DType::bf16}, layer.dy, layer.w, {300, 130}));
    r.push_back(run({.m = 96, .n = 130, .k = 300, .transpose_a = true, .accumulate = true},
                    layer.dy, layer.x, {96, 130}));
    return r;
  };
  const std::vector<Tensor> r = products();
  const auto x = to_double(layer.x);
  const auto w = to_double(layer.w);
  const auto gradients = reference::linear_backward(size, to_double(layer.dy), x, w);
  const Tolerance rounded = scaled(tolerance_of(DType::bf16), 40.0);
  expect_tensor_near("y", r[0], reference::linear_forward(size, x, w, {}), rounded);
  expect_tensor_near("dx", r[1], gradients.dx, rounded);
  expect_tensor_near("dw", r[2], gradients.dw, scaled(tolerance_of(DType::f32), 40.0));
  expect_same_for_thread_counts(products);
}

TEST(Gemm, EveryTranspositionAndAccumulation) {
  Stream stream;
  const LinearSizes size{7, 11, 5};  // m, k, n
  const Tensor a = random_tensor({7, 11}, 1);
  const Tensor b = random_tensor({5, 11}, 2);  // stored [n, k]
  Tensor a_transposed({11, 7}, DType::f32);
  Tensor b_plain({11, 5}, DType::f32);
  for (size_t k = 0; k < 11; ++k) {
    for (size_t i = 0; i < 7; ++i)
      a_transposed.span<float>()[k * 7 + i] = a.span<float>()[i * 11 + k];
    for (size_t j = 0; j < 5; ++j) b_plain.span<float>()[k * 5 + j] = b.span<float>()[j * 11 + k];
  }
  for (int flags = 0; flags < 8; ++flags) {
    const GemmSpec spec{.m = 7,
                        .n = 5,
                        .k = 11,
                        .transpose_a = (flags & 1) != 0,
                        .transpose_b = (flags & 2) != 0,
                        .accumulate = (flags & 4) != 0};
    const GemmPlan plan(stream, spec);
    Buffer workspace(plan.workspace_bytes() + 64);
    Tensor c = filled_tensor({7, 5}, spec.accumulate ? 2.0F : NAN);
    plan.run({stream, {workspace.data(), workspace.size_bytes()}},
             spec.transpose_a ? a_transposed : a, spec.transpose_b ? b : b_plain, c);
    auto expected = reference::linear_forward(size, to_double(a), to_double(b), {});
    for (double& value : expected) value += spec.accumulate ? 2.0 : 0.0;
    expect_tensor_near("c", c, expected, scaled(tolerance_of(DType::f32), 4.0));
  }
}

TEST(Gemm, RefusesEmptySizesWrongTensorsAndSmallWorkspaces) {
  Stream stream;
  EXPECT_THROW(GemmPlan(stream, {.m = 0, .n = 1, .k = 1}), Error);
  EXPECT_THROW(LinearPlan(stream, 4, 0, 4, false), Error);
  EXPECT_THROW(GemmPlan::fused(stream, {.m = 0, .n = 1, .k = 1}, Epilogue::gelu_aux), Error);
  const GemmPlan plan(stream, {.m = 300, .n = 64, .k = 64});
  ASSERT_GT(plan.workspace_bytes(), 0u);  // B is packed into it
  Buffer workspace(plan.workspace_bytes());
  const Tensor a({300, 64}, DType::f32);
  const Tensor b({64, 64}, DType::f32);
  Tensor c({300, 64}, DType::f32);
  EXPECT_NO_THROW(plan.run({stream, {workspace.data(), workspace.size_bytes()}}, a, b, c));
  EXPECT_THROW(plan.run({stream, {workspace.data(), workspace.size_bytes() - 1}}, a, b, c), Error);
  EXPECT_THROW(plan.run({stream, {workspace.data(), workspace.size_bytes()}}, b, b, c), Error);
}

}  // namespace
}  // namespace weft::kernels
