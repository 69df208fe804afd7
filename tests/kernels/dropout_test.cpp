#include "weft/kernels/dropout.hpp"

#include <gtest/gtest.h>

#include <array>

#include "support/kernel_variants.hpp"
#include "weft/kernels/dropout_math.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr std::array<int64_t, 3> kSamples = {9, 2, 5000000000};

Dropout make_dropout(double rate, int64_t microbatch) {
  return {rate, 77, 3, DropoutSite::mlp_output,
          std::span(kSamples).first(static_cast<size_t>(microbatch))};
}

/// The documented mask of [S, B, H], element by element: 0 or 1 / (1 - rate).
std::vector<double> mask_of(const Dropout& dropout, const Shape& shape) {
  std::vector<double> mask;
  for (int64_t s = 0; s < shape[0]; ++s) {
    for (int64_t b = 0; b < shape[1]; ++b) {
      for (int64_t h = 0; h < shape[2]; ++h) {
        const auto sample = static_cast<uint64_t>(dropout.samples_B[static_cast<size_t>(b)]);
        const auto element = static_cast<uint64_t>(s * shape[2] + h);
        mask.push_back(dropout_factor(dropout_word(dropout.key, sample, element), dropout.threshold,
                                      dropout.scale));
      }
    }
  }
  return mask;
}

TEST(Dropout, ForwardAndBackwardFollowTheDocumentedMask) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Context context{stream, {}};
    for (const int64_t hidden : {1, 3, 16, 17, 63, 65, 512, 1025}) {
      const Shape shape{5, 3, hidden};
      const Dropout dropout = make_dropout(0.3, 3);
      const Tensor x = variant.random(shape, 1);
      const Tensor dy = variant.random(shape, 2);
      Tensor y = variant.unwritten(shape);
      Tensor dx = variant.unwritten(shape);
      dropout_forward(context, dropout, x, y);
      dropout_backward(context, dropout, dy, dx);
      std::vector<double> expected_y = mask_of(dropout, shape);
      std::vector<double> expected_dx = expected_y;
      for (size_t i = 0; i < expected_y.size(); ++i) {
        expected_y[i] *= element_of(x, i);
        expected_dx[i] *= element_of(dy, i);
      }
      expect_tensor_near("y", y, expected_y);
      expect_tensor_near("dx", dx, expected_dx);
    }
  });
}

TEST(Dropout, KeepsTheStatedShareOfElements) {
  Stream stream;
  const Shape shape{200, 1, 500};
  const Tensor x = filled_tensor(shape, 1.0F);
  Tensor y(shape, DType::f32);
  for (const double rate : {0.1, 0.5, 0.9}) {
    dropout_forward({stream, {}}, make_dropout(rate, 1), x, y);
    int64_t kept = 0;
    double sum = 0.0;
    for (const float value : y.span<float>()) {
      kept += value != 0.0F ? 1 : 0;
      sum += value;
    }
    // 100000 draws: five standard deviations are 0.008 at most.
    EXPECT_NEAR(static_cast<double>(kept) / 1e5, 1.0 - rate, 0.008) << rate;
    EXPECT_NEAR(sum / 1e5, 1.0, 0.008 / (1.0 - rate)) << rate;
  }
}

TEST(Dropout, MasksDifferBySampleLayerSiteAndSeed) {
  Stream stream;
  const Shape shape{1, 1, 256};
  const Tensor x = filled_tensor(shape, 1.0F);
  const std::array<int64_t, 1> sample0 = {0};
  const std::array<int64_t, 1> sample1 = {1};
  const std::vector<Dropout> dropouts = {
      {0.5, 1, 1, DropoutSite::mlp_output, sample0}, {0.5, 2, 1, DropoutSite::mlp_output, sample0},
      {0.5, 1, 2, DropoutSite::mlp_output, sample0}, {0.5, 1, 1, DropoutSite::embedding, sample0},
      {0.5, 1, 1, DropoutSite::mlp_output, sample1},
  };
  std::vector<Tensor> results;
  for (const Dropout& dropout : dropouts) {
    results.emplace_back(shape, DType::f32);
    dropout_forward({stream, {}}, dropout, x, results.back());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    for (size_t j = i + 1; j < results.size(); ++j) {
      int same = 0;
      for (size_t e = 0; e < 256; ++e) {
        same += results[i].span<float>()[e] == results[j].span<float>()[e] ? 1 : 0;
      }
      // Independent masks agree in half of 256 elements; five standard deviations are 40.
      EXPECT_NEAR(same, 128, 40) << i << " and " << j;
    }
  }
}

TEST(Dropout, ASampleKeepsItsMaskInAnyMicrobatch) {
  Stream stream;
  const Dropout both = make_dropout(0.5, 2);
  const Dropout second(0.5, 77, 3, DropoutSite::mlp_output, std::span(kSamples).subspan(1, 1));
  Tensor y_both({4, 2, 33}, DType::f32);
  Tensor y_second({4, 1, 33}, DType::f32);
  dropout_forward({stream, {}}, both, filled_tensor({4, 2, 33}, 1.0F), y_both);
  dropout_forward({stream, {}}, second, filled_tensor({4, 1, 33}, 1.0F), y_second);
  for (size_t s = 0; s < 4; ++s) {
    for (size_t h = 0; h < 33; ++h) {
      ASSERT_EQ(y_both.span<float>()[(s * 2 + 1) * 33 + h], y_second.span<float>()[s * 33 + h]);
    }
  }
}

TEST(Dropout, RateZeroCopies) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Tensor x = variant.random({3, 2, 7}, 1);
    Tensor y = variant.unwritten({3, 2, 7});
    dropout_forward({stream, {}}, {}, x, y);
    expect_same_bits("y", y, x);
  });
  EXPECT_FALSE(Dropout(0.0, 1, 1, DropoutSite::embedding, kSamples).active());
}

TEST(Dropout, DroppedElementsAreZeroEvenWhenNotFinite) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Shape shape{1, 1, 64};
    const Dropout dropout = make_dropout(0.5, 1);
    Tensor y = variant.unwritten(shape);
    dropout_forward({stream, {}}, dropout, filled_tensor(shape, INFINITY, variant.dtype), y);
    const auto mask = mask_of(dropout, shape);
    for (size_t i = 0; i < 64; ++i) {
      EXPECT_EQ(element_of(y, i), mask[i] == 0.0 ? 0.0F : INFINITY) << i;
    }
  });
}

TEST(BiasDropoutAdd, AddsResidualBiasAndMask) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const int64_t hidden : {1, 17, 64, 1025}) {
      const Shape shape{3, 2, hidden};
      const Tensor x = variant.random(shape, 1);
      const Tensor bias = variant.random({hidden}, 2);
      const Tensor residual = variant.random(shape, 3);
      for (const double rate : {0.0, 0.4}) {
        for (const bool with_bias : {false, true}) {
          const Dropout dropout = make_dropout(rate, 2);
          std::vector<double> expected =
              rate > 0.0 ? mask_of(dropout, shape)
                         : std::vector<double>(static_cast<size_t>(shape.num_elements()), 1.0);
          for (size_t i = 0; i < expected.size(); ++i) {
            const double b = with_bias ? element_of(bias, i % static_cast<size_t>(hidden)) : 0.0;
            expected[i] = expected[i] * (element_of(x, i) + b) + element_of(residual, i);
          }
          Tensor y = copy_of(residual);  // y may be the residual
          bias_dropout_add_forward({stream, {}}, dropout, x,
                                   with_bias ? bias.view() : ConstTensorView(), y, y);
          expect_tensor_near("y", y, expected);
        }
      }
    }
  });
}

TEST(Dropout, BitsDependOnNeitherThreadsNorInstructionSet) {
  expect_same_bits_everywhere([](const KernelVariant& variant) {
    const Shape shape{40, 3, 1000};
    Stream stream = variant.stream();
    const Tensor x = variant.random(shape, 1);
    std::vector<Tensor> r;
    r.push_back(variant.unwritten(shape));
    r.push_back(variant.unwritten(shape));
    dropout_forward({stream, {}}, make_dropout(0.1, 3), x, r[0]);
    bias_dropout_add_forward({stream, {}}, make_dropout(0.1, 3), x, variant.random({1000}, 2), x,
                             r[1]);
    return r;
  });
}

TEST(Dropout, RefusesImpossibleRatesAndMissingSamples) {
  EXPECT_THROW(Dropout(1.0, 1, 1, DropoutSite::embedding, kSamples), Error);
  EXPECT_THROW(Dropout(-0.1, 1, 1, DropoutSite::embedding, kSamples), Error);
  EXPECT_THROW(Dropout(NAN, 1, 1, DropoutSite::embedding, kSamples), Error);
  Stream stream;
  Tensor y({2, 2, 2}, DType::f32);
  EXPECT_THROW(dropout_forward({stream, {}}, make_dropout(0.5, 3), y, y), Error);
}

}  // namespace
}  // namespace weft::kernels
