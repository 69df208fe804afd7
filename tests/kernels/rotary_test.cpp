#include "weft/kernels/rotary.hpp"

#include <gtest/gtest.h>

#include "reference/rotary.hpp"
#include "support/gradient_check.hpp"
#include "support/kernel_variants.hpp"
#include "support/vectors.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

/// Angles of positions 0 .. sequence - 1 and their cosines and sines.
struct Angles {
  Angles(int64_t sequence, int64_t frequencies)
      : cos_SF({sequence, frequencies}, DType::f32), sin_SF({sequence, frequencies}, DType::f32) {
    for (int64_t s = 0; s < sequence; ++s) {
      std::vector<double> row;
      for (int64_t f = 0; f < frequencies; ++f) {
        const double angle =
            static_cast<double>(s) *
            std::pow(100.0, -static_cast<double>(f) / static_cast<double>(frequencies));
        const auto at = static_cast<size_t>(s * frequencies + f);
        cos_SF.span<float>()[at] = static_cast<float>(std::cos(angle));
        sin_SF.span<float>()[at] = static_cast<float>(std::sin(angle));
        row.push_back(angle);
      }
      rows.push_back(row);
    }
  }

  Tensor cos_SF;
  Tensor sin_SF;
  std::vector<std::vector<double>> rows;
};

/// qkv turned head by head in fp64.
std::vector<double> reference_qkv(const HeadLayout& layout, const Tensor& qkv_SBQ,
                                  const Angles& angles, bool interleaved) {
  std::vector<double> y = to_double(qkv_SBQ);
  const int64_t samples = qkv_SBQ.shape()[1];
  const auto dim = static_cast<size_t>(layout.head_dim);
  const int64_t heads_of_row = layout.qkv_width() / layout.head_dim;
  for (int64_t head = 0; head < qkv_SBQ.shape()[0] * samples * heads_of_row; ++head) {
    const int64_t part = head % heads_of_row % (layout.heads_per_group() + 2);
    if (part == layout.heads_per_group() + 1) continue;  // values do not turn
    const int64_t position = head / heads_of_row / samples;
    const auto first = y.begin() + head * layout.head_dim;
    const auto turned =
        reference::rotate_head({first, first + static_cast<ptrdiff_t>(dim)},
                               angles.rows[static_cast<size_t>(position)], interleaved);
    std::ranges::copy(turned, first);
  }
  return y;
}

TEST(Rotary, MatchesTheReferenceForEveryLayout) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const HeadLayout layout :
         {HeadLayout{4, 4, 8}, HeadLayout{6, 2, 34}, HeadLayout{3, 1, 64}}) {
      for (const int64_t frequencies : {int64_t{1}, layout.head_dim / 4, layout.head_dim / 2}) {
        const Angles angles(17, frequencies);
        for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::neighbours}) {
          Tensor qkv = variant.random({17, 3, layout.qkv_width()}, 1);
          const auto expected =
              reference_qkv(layout, qkv, angles, pairs == RotaryPairs::neighbours);
          rotary_forward({stream, {}}, layout, pairs, angles.cos_SF, angles.sin_SF, qkv);
          expect_tensor_near("qkv", qkv, expected);
        }
      }
    }
  });
}

// A rotation is orthogonal, so its transpose, which backward applies, is its inverse.
TEST(Rotary, BackwardTurnsBack) {
  const HeadLayout layout{6, 3, 10};
  const Angles angles(9, 4);
  for_each_variant([&](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::neighbours}) {
      const Tensor before = variant.random({9, 2, layout.qkv_width()}, 1);
      Tensor qkv = copy_of(before);
      rotary_forward({stream, {}}, layout, pairs, angles.cos_SF, angles.sin_SF, qkv);
      rotary_backward({stream, {}}, layout, pairs, angles.cos_SF, angles.sin_SF, qkv);
      // Forward has rounded both numbers of a pair, which lie within +-2, and backward rounds
      // again.
      const double relative = tolerance_of(variant.dtype).relative;
      expect_tensor_near("qkv", qkv, to_double(before), {6.0 * relative, relative});
    }
  });
}

TEST(Rotary, BackwardIsTheGradientByCentralDifferences) {
  Stream stream;
  const HeadLayout layout{1, 1, 6};
  const Angles angles(3, 2);
  for (const bool interleaved : {false, true}) {
    const RotaryPairs pairs = interleaved ? RotaryPairs::neighbours : RotaryPairs::halves;
    const Tensor dy = random_tensor({3, 1, layout.qkv_width()}, 2);
    Tensor dx = copy_of(dy);
    rotary_backward({stream, {}}, layout, pairs, angles.cos_SF, angles.sin_SF, dx);
    const auto weights = to_double(dy);
    const auto gradient = to_double(dx);
    for (int64_t s = 0; s < 3; ++s) {  // the query of each position
      const auto at = static_cast<ptrdiff_t>(s * layout.qkv_width());
      const std::vector<double> dy_head(weights.begin() + at, weights.begin() + at + 6);
      const std::vector<double> dx_head(gradient.begin() + at, gradient.begin() + at + 6);
      check_gradient(
          "query",
          [&](const auto& v) {
            return dot(reference::rotate_head(v, angles.rows[static_cast<size_t>(s)], interleaved),
                       dy_head);
          },
          {0.3, -0.2, 1.1, 0.5, -0.7, 0.9}, dx_head, 1e-6);
    }
  }
}

// vectors/activations_rope.json: one head of 8 channels at positions 0 and 1.
TEST(Rotary, RotationsAreThoseOfTheVector) {
  Stream stream;
  const auto vector = load_vector("activations_rope").at("rope_apply");
  const auto input = vector.at("input_t[s,1,1,8]").get<std::vector<float>>();
  const auto angles = vector.at("freqs_half").get<std::vector<std::vector<double>>>();
  const auto run = [&](const std::string& name, size_t turning, RotaryPairs pairs) {
    Tensor cos({2, static_cast<int64_t>(turning)}, DType::f32);
    Tensor sin({2, static_cast<int64_t>(turning)}, DType::f32);
    Tensor qkv({2, 1, 24}, DType::f32);
    std::vector<double> expected = to_double(qkv);
    for (size_t s = 0; s < 2; ++s) {
      for (size_t f = 0; f < turning; ++f) {
        const double angle = angles[s][f];
        cos.span<float>()[s * turning + f] = static_cast<float>(std::cos(angle));
        sin.span<float>()[s * turning + f] = static_cast<float>(std::sin(angle));
      }
      for (size_t c = 0; c < 8; ++c) {
        qkv.span<float>()[s * 24 + c] = input[s * 8 + c];
        expected[s * 24 + c] = vector.at(name)[s * 8 + c];
      }
    }
    rotary_forward({stream, {}}, {1, 1, 8}, pairs, cos, sin, qkv);
    expect_tensor_near(name, qkv, expected);
  };
  run("rotate_half_out", 4, RotaryPairs::halves);
  run("interleaved_out", 4, RotaryPairs::neighbours);
  run("partial_rot_dim4_out", 2, RotaryPairs::halves);
}

TEST(Rotary, BitsDependOnNeitherThreadsNorInstructionSet) {
  const HeadLayout layout{8, 2, 32};
  const Angles angles(120, 16);
  expect_same_bits_everywhere([&](const KernelVariant& variant) {
    Stream stream = variant.stream();
    std::vector<Tensor> r;
    for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::neighbours}) {
      r.push_back(variant.random({120, 2, layout.qkv_width()}, 3));
      rotary_forward({stream, {}}, layout, pairs, angles.cos_SF, angles.sin_SF, r.back());
    }
    return r;
  });
}

TEST(Rotary, RefusesMoreFrequenciesThanAHeadHolds) {
  Stream stream;
  const Angles angles(2, 5);
  Tensor qkv({2, 1, 24}, DType::f32);
  EXPECT_THROW(rotary_forward({stream, {}}, {1, 1, 8}, RotaryPairs::halves, angles.cos_SF,
                              angles.sin_SF, qkv),
               Error);
}

}  // namespace
}  // namespace weft::kernels
