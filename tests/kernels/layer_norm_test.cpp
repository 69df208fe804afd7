#include "weft/kernels/layer_norm.hpp"

#include <gtest/gtest.h>

#include "reference/layer_norm.hpp"
#include "support/gradient_check.hpp"
#include "support/kernel_variants.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr float kEpsilon = 1e-5F;
constexpr NormConstants kConstants{.epsilon = kEpsilon, .gamma_offset = 0.0F};

/// One layer norm with everything that its kernels read.
struct LayerNormCase {
  LayerNormCase(KernelVariant v, int64_t tokens, int64_t hidden, double scale = 1.0,
                double centre = 0.0)
      : variant(v),
        x(v.random({tokens, hidden}, 1, scale, centre)),
        dy(v.random({tokens, hidden}, 2)),
        gamma(v.random({hidden}, 3, 0.3, 1.0)),
        beta(v.random({hidden}, 4)) {}

  /// y, mean, rstd, dx, dgamma, dbeta.
  std::vector<Tensor> run(const NormConstants& constants = kConstants) const {
    Stream stream = variant.stream();
    const int64_t tokens = x.shape()[0];
    const int64_t hidden = x.shape()[1];
    Buffer workspace(layer_norm_backward_weight_workspace(tokens, hidden));
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    std::vector<Tensor> r;
    r.push_back(variant.unwritten(x.shape()));
    r.push_back(filled_tensor({tokens}, NAN));
    r.push_back(filled_tensor({tokens}, NAN));
    r.push_back(variant.unwritten(x.shape()));
    r.emplace_back(gamma.shape(), DType::f32);
    r.emplace_back(gamma.shape(), DType::f32);
    layer_norm_forward(context, x, gamma, beta, constants, r[0], r[1], r[2]);
    layer_norm_backward_input(context, dy, x, gamma, constants, r[1], r[2], false, r[3]);
    layer_norm_backward_weight(context, dy, x, r[1], r[2], r[4], r[5]);
    return r;
  }

  KernelVariant variant;
  Tensor x;
  Tensor dy;
  Tensor gamma;
  Tensor beta;
};

void expect_matches_reference(const LayerNormCase& layer, double conditioning = 1.0) {
  SCOPED_TRACE(to_string(layer.x.shape()));
  const std::vector<Tensor> r = layer.run();
  const auto x = to_double(layer.x);
  const auto gamma = to_double(layer.gamma);
  const auto dy = to_double(layer.dy);
  const auto forward = reference::layer_norm_forward(x, gamma, to_double(layer.beta), kEpsilon);
  const auto backward = reference::layer_norm_backward(dy, x, gamma, kEpsilon);
  const Tolerance base = tolerance_of(DType::f32);
  expect_tensor_near("y", r[0], forward.y, layer.variant.tolerance(conditioning));
  expect_tensor_near("mean", r[1], forward.mean, scaled(base, conditioning));
  // A row of one element has rstd 1 / sqrt(epsilon) = 316.
  expect_tensor_near("rstd", r[2], forward.rstd, scaled(base, conditioning));
  expect_tensor_near("dx", r[3], backward.dx, layer.variant.tolerance(2.0 * conditioning));
  const double rows = std::sqrt(static_cast<double>(layer.x.shape()[0]));
  expect_tensor_near("dgamma", r[4], backward.dgamma, scaled(base, rows * conditioning));
  expect_tensor_near("dbeta", r[5], backward.dbeta, scaled(base, rows));
}

TEST(LayerNorm, MatchesTheReferenceAtOddSizes) {
  for_each_variant([](const KernelVariant& variant) {
    for (const int64_t hidden : {2, 3, 15, 16, 17, 63, 65, 768, 1025}) {
      for (const int64_t tokens : {1, 3, 64, 65, 130}) {
        // Two numbers may lie so close together that rstd, and every rounding with it, is large.
        expect_matches_reference({variant, tokens, hidden}, hidden == 2 ? 100.0 : 1.0);
      }
    }
  });
}

TEST(LayerNorm, ARowOfOneElementGivesBeta) {
  for_each_variant([](const KernelVariant& variant) {
    const LayerNormCase layer(variant, 3, 1);
    const std::vector<Tensor> r = layer.run();
    for (const double y : to_double(r[0])) EXPECT_EQ(y, to_double(layer.beta)[0]);
    // g - mean(g) rounds once and is multiplied by rstd = 1 / sqrt(epsilon) = 316.
    for (const double dx : to_double(r[3])) EXPECT_NEAR(dx, 0.0, 1e-4);
  });
}

TEST(LayerNorm, SurvivesLargeValuesFarFromZero) {
  for_each_variant([](const KernelVariant& variant) {
    // Deviations of 1 around 1000: x itself holds only four digits of them, and fewer in 16 bits.
    expect_matches_reference({variant, 5, 300, 1.0, 1000.0}, 100.0);
    // The largest f16 is 65504.
    const double large = variant.dtype == DType::f16 ? 30000.0 : 1e15;
    expect_matches_reference({variant, 5, 300, large}, large);
  });
}

TEST(LayerNorm, ReferenceAgreesWithCentralDifferences) {
  const LayerNormCase layer({}, 4, 7);
  const auto x = to_double(layer.x);
  const auto gamma = to_double(layer.gamma);
  const auto beta = to_double(layer.beta);
  const auto dy = to_double(layer.dy);
  const auto gradients = reference::layer_norm_backward(dy, x, gamma, kEpsilon);
  check_gradient(
      "dx",
      [&](const auto& v) {
        return dot(reference::layer_norm_forward(v, gamma, beta, kEpsilon).y, dy);
      },
      x, gradients.dx);
  check_gradient(
      "dgamma",
      [&](const auto& v) { return dot(reference::layer_norm_forward(x, v, beta, kEpsilon).y, dy); },
      gamma, gradients.dgamma);
  check_gradient(
      "dbeta",
      [&](const auto& v) {
        return dot(reference::layer_norm_forward(x, gamma, v, kEpsilon).y, dy);
      },
      beta, gradients.dbeta);
}

TEST(LayerNorm, AccumulateAddsToWhatIsThere) {
  for_each_variant([](const KernelVariant& variant) {
    const LayerNormCase layer(variant, 9, 33);
    const std::vector<Tensor> r = layer.run();
    const auto backward = reference::layer_norm_backward(to_double(layer.dy), to_double(layer.x),
                                                         to_double(layer.gamma), kEpsilon);
    Stream stream = variant.stream();
    Tensor dx = filled_tensor(layer.x.shape(), 5.0F, variant.dtype);
    layer_norm_backward_input({stream, {}}, layer.dy, layer.x, layer.gamma, kConstants, r[1], r[2],
                              true, dx);
    std::vector<double> expected = backward.dx;
    for (double& value : expected) value += 5.0;  // rounded once, after the addition
    expect_tensor_near("dx", dx, expected);
  });
}

TEST(LayerNorm, WeightsStoredMinusOneGiveTheSameNorm) {
  LayerNormCase layer({}, 9, 33);
  const std::vector<Tensor> plain = layer.run();
  for (float& gamma : layer.gamma.span<float>()) gamma -= 1.0F;
  const std::vector<Tensor> shifted = layer.run({.epsilon = kEpsilon, .gamma_offset = 1.0F});
  for (size_t i = 0; i < plain.size(); ++i) {
    expect_tensor_near("result " + std::to_string(i), shifted[i], to_double(plain[i]));
  }
}

TEST(LayerNorm, WeightGradientsAddToWhatIsThere) {
  const LayerNormCase layer({}, 70, 5);
  const std::vector<Tensor> r = layer.run();
  Stream stream;
  Buffer workspace(layer_norm_backward_weight_workspace(70, 5));
  Tensor dgamma = filled_tensor({5}, 3.0F);
  Tensor dbeta = filled_tensor({5}, -2.0F);
  layer_norm_backward_weight({stream, {workspace.data(), workspace.size_bytes()}}, layer.dy,
                             layer.x, r[1], r[2], dgamma, dbeta);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(dgamma.span<float>()[i], r[4].span<float>()[i] + 3.0F);
    EXPECT_EQ(dbeta.span<float>()[i], r[5].span<float>()[i] - 2.0F);
  }
}

TEST(LayerNorm, BitsDependOnNeitherThreadsNorInstructionSet) {
  expect_same_bits_everywhere(
      [](const KernelVariant& variant) { return LayerNormCase(variant, 321, 129).run(); });
}

TEST(LayerNorm, RefusesASmallWorkspace) {
  const LayerNormCase layer({}, 4, 3);
  const std::vector<Tensor> r = layer.run();
  Stream stream;
  Tensor dgamma({3}, DType::f32);
  Tensor dbeta({3}, DType::f32);
  EXPECT_THROW(
      layer_norm_backward_weight({stream, {}}, layer.dy, layer.x, r[1], r[2], dgamma, dbeta),
      Error);
}

}  // namespace
}  // namespace weft::kernels
