// The steps of adamw and sgd (weft/kernels/elementwise.hpp).
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "reference/optimizer.hpp"
#include "support/kernel_variants.hpp"
#include "weft/kernels/elementwise.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

/// A tensor for the copy in the variant's type, or none for f32.
Tensor low_copy(const KernelVariant& variant, const Shape& shape) {
  return variant.dtype == DType::f32 ? Tensor() : variant.unwritten(shape);
}

TensorView view_of(Tensor& low) { return low.shape().num_dims() == 0 ? TensorView() : low.view(); }

/// Expects `low` to be `param` rounded.
void expect_rounded(Tensor& low, const Tensor& param) {
  if (view_of(low).empty()) return;
  expect_same_bits("low", low, as_type(low.dtype(), param));
}

TEST(AdamW, MatchesTheReferenceOverSteps) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const bool decoupled : {true, false}) {
      for (const int64_t size : {1, 17, 1025}) {
        Tensor param = random_tensor({size}, 1);
        Tensor exp_avg({size}, DType::f32);
        Tensor exp_avg_sq({size}, DType::f32);
        Tensor low = low_copy(variant, {size});
        std::vector<reference::AdamWState> states;
        for (const double p : to_double(param)) states.push_back({p, 0.0, 0.0});
        for (uint32_t t = 1; t <= 4; ++t) {
          const Tensor grad = random_tensor({size}, 10 + t);
          AdamWStep step{.learning_rate = 0.01F, .weight_decay = 0.1F, .decoupled = decoupled};
          step.bias_correction1 = 1.0F - std::pow(step.beta1, static_cast<float>(t));
          step.bias_correction2 = 1.0F - std::pow(step.beta2, static_cast<float>(t));
          adamw({stream, {}}, step, 0.25F, grad, param, exp_avg, exp_avg_sq, view_of(low));
          for (size_t i = 0; i < states.size(); ++i) {
            states[i] = reference::adamw(step, 0.25 * grad.span<float>()[i], states[i]);
          }
        }
        std::vector<double> params;
        std::vector<double> averages;
        std::vector<double> squares;
        for (const auto& state : states) {
          params.push_back(state.param);
          averages.push_back(state.exp_avg);
          squares.push_back(state.exp_avg_sq);
        }
        expect_tensor_near("param", param, params);
        expect_tensor_near("exp_avg", exp_avg, averages);
        expect_tensor_near("exp_avg_sq", exp_avg_sq, squares);
        expect_rounded(low, param);
      }
    }
  });
}

TEST(Sgd, WithAndWithoutMomentum) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const float momentum : {0.0F, 0.9F}) {
      Tensor param = random_tensor({65}, 1);
      Tensor low = low_copy(variant, {65});
      Tensor buffer = filled_tensor({65}, NAN);  // the first step writes it
      std::vector<double> expected = to_double(param);
      std::vector<double> velocity(65);
      for (uint32_t t = 0; t < 3; ++t) {
        const Tensor grad = random_tensor({65}, 10 + t);
        sgd({stream, {}}, 0.1F, momentum, 0.01F, t == 0, 0.5F, grad, param,
            momentum == 0.0F ? TensorView() : buffer.view(), view_of(low));
        for (size_t i = 0; i < 65; ++i) {
          const double g = 0.5 * grad.span<float>()[i] + 0.01 * expected[i];
          velocity[i] = t == 0 ? g : momentum * velocity[i] + g;
          expected[i] -= 0.1 * velocity[i];
        }
      }
      expect_tensor_near("param", param, expected);
      expect_rounded(low, param);
    }
  });
}

TEST(OptimizerStep, BitsDependOnNeitherThreadsNorInstructionSetNorTheCopy) {
  std::vector<Tensor> f32;
  expect_same_bits_everywhere([&](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Tensor x = random_tensor({300, 333}, 1);
    Tensor low = low_copy(variant, x.shape());
    std::vector<Tensor> r;
    for (int i = 0; i < 5; ++i) r.push_back(copy_of(x));
    for (float& square : r[2].span<float>()) square = 1.0F;
    adamw({stream, {}}, {.learning_rate = 0.1F}, 1.0F, x, r[0], r[1], r[2], view_of(low));
    sgd({stream, {}}, 0.1F, 0.9F, 0.01F, false, 1.0F, x, r[3], r[4], view_of(low));
    if (f32.empty()) {
      for (const Tensor& result : r) f32.push_back(copy_of(result));
    }
    for (size_t i = 0; i < r.size(); ++i) expect_same_bits("as in f32", r[i], f32[i]);
    return r;
  });
}

/// The gate of tensors with these sums of squares.
GradientGate gate_of(const std::vector<double>& sums, double loss_scale, double clip_grad) {
  Stream stream;
  GradientGate gate;
  const ConstTensorView view(sums.data(), DType::f64, {static_cast<int64_t>(sums.size())});
  gate_gradients({stream, {}}, view, loss_scale, clip_grad, &gate);
  return gate;
}

TEST(GradientGate, ClipsTheNormWithoutTheLossScale) {
  const GradientGate open = gate_of({9.0 * 64.0, 16.0 * 64.0}, 8.0, 0.0);
  EXPECT_EQ(open.norm, 5.0);
  EXPECT_EQ(open.scale, 0.125F);
  EXPECT_EQ(open.non_finite, -1);
  EXPECT_EQ(gate_of({25.0}, 1.0, 6.0).scale, 1.0F);
  EXPECT_EQ(gate_of({25.0}, 1.0, 1.0).scale, static_cast<float>(1.0 / (5.0 + 1e-6)));
  EXPECT_EQ(gate_of({25.0 * 64.0}, 8.0, 1.0).scale, static_cast<float>(1.0 / (5.0 + 1e-6) / 8.0));
}

TEST(GradientGate, NamesTheFirstTensorThatIsNotFinite) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(gate_of({1.0, kInfinity, NAN}, 1.0, 1.0).non_finite, 1);
  EXPECT_EQ(gate_of({NAN, 1.0}, 1.0, 1.0).non_finite, 0);
}

TEST(GradientGate, AClosedGateLeavesEverythingAsItIs) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const GradientGate closed{.norm = NAN, .scale = 1.0F, .non_finite = 3};
    const GradientGate half{.norm = 1.0, .scale = 0.5F};
    const Tensor grad = random_tensor({40}, 1);
    const AdamWStep step{.learning_rate = 0.1F};
    for (const GradientGate* gate : {&closed, &half}) {
      Tensor param = random_tensor({40}, 2);
      Tensor average({40}, DType::f32);
      Tensor square({40}, DType::f32);
      Tensor low = low_copy(variant, {40});
      Tensor expected = random_tensor({40}, 2);
      Tensor other_average({40}, DType::f32);
      Tensor other_square({40}, DType::f32);
      adamw({stream, {}}, step, gate, grad, param, average, square, view_of(low));
      if (gate == &half) {
        adamw({stream, {}}, step, 0.5F, grad, expected, other_average, other_square);
      }
      expect_same_bits("param", param, expected);
      expect_same_bits("average", average, other_average);
      sgd({stream, {}}, 0.1F, 0.9F, 0.0F, true, gate, grad, param, average);
      if (gate == &half)
        sgd({stream, {}}, 0.1F, 0.9F, 0.0F, true, 0.5F, grad, expected, other_average);
      expect_same_bits("param after sgd", param, expected);
    }
  });
}

}  // namespace
}  // namespace weft::kernels
