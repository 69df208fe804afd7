#include "weft/kernels/rms_norm.hpp"

#include <gtest/gtest.h>

#include "reference/rms_norm.hpp"
#include "support/gradient_check.hpp"
#include "support/kernel_variants.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr float kEpsilon = 1e-5F;
constexpr NormConstants kConstants{.epsilon = kEpsilon, .gamma_offset = 0.0F};

/// One RMS norm with everything that its kernels read.
struct RmsNormCase {
  RmsNormCase(KernelVariant v, int64_t tokens, int64_t hidden, double scale = 1.0)
      : variant(v),
        x(v.random({tokens, hidden}, 1, scale)),
        dy(v.random({tokens, hidden}, 2)),
        gamma(v.random({hidden}, 3, 0.3, 1.0)) {}

  /// y, rstd, dx, dgamma.
  std::vector<Tensor> run(const NormConstants& constants = kConstants) const {
    Stream stream = variant.stream();
    const int64_t tokens = x.shape()[0];
    Buffer workspace(rms_norm_backward_weight_workspace(tokens, x.shape()[1]));
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    std::vector<Tensor> r;
    r.push_back(variant.unwritten(x.shape()));
    r.push_back(filled_tensor({tokens}, NAN));
    r.push_back(variant.unwritten(x.shape()));
    r.emplace_back(gamma.shape(), DType::f32);
    rms_norm_forward(context, x, gamma, constants, r[0], r[1]);
    rms_norm_backward_input(context, dy, x, gamma, constants, r[1], false, r[2]);
    rms_norm_backward_weight(context, dy, x, r[1], r[3]);
    return r;
  }

  KernelVariant variant;
  Tensor x;
  Tensor dy;
  Tensor gamma;
};

void expect_matches_reference(const RmsNormCase& norm, double conditioning = 1.0) {
  SCOPED_TRACE(to_string(norm.x.shape()));
  const std::vector<Tensor> r = norm.run();
  const auto x = to_double(norm.x);
  const auto gamma = to_double(norm.gamma);
  const auto forward = reference::rms_norm_forward(x, gamma, kEpsilon);
  const auto backward = reference::rms_norm_backward(to_double(norm.dy), x, gamma, kEpsilon);
  const Tolerance base = tolerance_of(DType::f32);
  expect_tensor_near("y", r[0], forward.y);
  expect_tensor_near("rstd", r[1], forward.rstd);
  expect_tensor_near("dx", r[2], backward.dx, norm.variant.tolerance(2.0 * conditioning));
  const double rows = std::sqrt(static_cast<double>(norm.x.shape()[0]));
  expect_tensor_near("dgamma", r[3], backward.dgamma, scaled(base, rows));
}

TEST(RmsNorm, MatchesTheReferenceAtOddSizes) {
  for_each_variant([](const KernelVariant& variant) {
    for (const int64_t hidden : {1, 2, 3, 15, 16, 17, 63, 65, 768, 1025}) {
      for (const int64_t tokens : {1, 3, 64, 65, 130}) {
        // One or two small numbers alone in their row have a large rstd, and every rounding with
        // it.
        expect_matches_reference({variant, tokens, hidden}, hidden <= 2 ? 100.0 : 1.0);
      }
    }
  });
}

TEST(RmsNorm, SurvivesLargeAndSmallValues) {
  for_each_variant([](const KernelVariant& variant) {
    // The largest f16 is 65504.
    expect_matches_reference({variant, 5, 300, variant.dtype == DType::f16 ? 30000.0 : 1e15});
    expect_matches_reference({variant, 5, 300, 1e-6}, 316.0);
  });
}

TEST(RmsNorm, ARowOfZerosGivesZero) {
  for_each_variant([](const KernelVariant& variant) {
    const std::vector<Tensor> r = RmsNormCase(variant, 3, 20, 0.0).run();
    for (const double y : to_double(r[0])) EXPECT_EQ(y, 0.0);
    for (const double dgamma : to_double(r[3])) EXPECT_EQ(dgamma, 0.0);
  });
}

TEST(RmsNorm, ReferenceAgreesWithCentralDifferences) {
  const RmsNormCase norm({}, 4, 7);
  const auto x = to_double(norm.x);
  const auto gamma = to_double(norm.gamma);
  const auto dy = to_double(norm.dy);
  const auto gradients = reference::rms_norm_backward(dy, x, gamma, kEpsilon);
  check_gradient(
      "dx",
      [&](const auto& v) { return dot(reference::rms_norm_forward(v, gamma, kEpsilon).y, dy); }, x,
      gradients.dx);
  check_gradient(
      "dgamma",
      [&](const auto& v) { return dot(reference::rms_norm_forward(x, v, kEpsilon).y, dy); }, gamma,
      gradients.dgamma);
}

TEST(RmsNorm, AccumulateAddsToWhatIsThere) {
  for_each_variant([](const KernelVariant& variant) {
    const RmsNormCase norm(variant, 9, 33);
    const std::vector<Tensor> r = norm.run();
    const auto backward = reference::rms_norm_backward(to_double(norm.dy), to_double(norm.x),
                                                       to_double(norm.gamma), kEpsilon);
    Stream stream = variant.stream();
    Tensor dx = filled_tensor(norm.x.shape(), 5.0F, variant.dtype);
    rms_norm_backward_input({stream, {}}, norm.dy, norm.x, norm.gamma, kConstants, r[1], true, dx);
    std::vector<double> expected = backward.dx;
    for (double& value : expected) value += 5.0;  // rounded once, after the addition
    expect_tensor_near("dx", dx, expected);
  });
}

TEST(RmsNorm, WeightsStoredMinusOneGiveTheSameNorm) {
  RmsNormCase norm({}, 9, 33);
  const std::vector<Tensor> plain = norm.run();
  for (float& gamma : norm.gamma.span<float>()) gamma -= 1.0F;
  const std::vector<Tensor> shifted = norm.run({.epsilon = kEpsilon, .gamma_offset = 1.0F});
  for (size_t i = 0; i < plain.size(); ++i) {
    expect_tensor_near("result " + std::to_string(i), shifted[i], to_double(plain[i]));
  }
}

TEST(RmsNorm, BitsDependOnNeitherThreadsNorInstructionSet) {
  expect_same_bits_everywhere(
      [](const KernelVariant& variant) { return RmsNormCase(variant, 321, 129).run(); });
}

TEST(RmsNorm, RefusesASmallWorkspace) {
  const RmsNormCase norm({}, 4, 3);
  const std::vector<Tensor> r = norm.run();
  Stream stream;
  Tensor dgamma({3}, DType::f32);
  EXPECT_THROW(rms_norm_backward_weight({stream, {}}, norm.dy, norm.x, r[1], dgamma), Error);
}

}  // namespace
}  // namespace weft::kernels
