#include "weft/kernels/elementwise.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "support/kernel_variants.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr int64_t kSizes[] = {1, 3, 17, 63, 65, 1023, 1025, 40001};

TEST(Elementwise, ZeroAddAndScale) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const int64_t size : kSizes) {
      const Tensor x = variant.random({size}, 1);
      Tensor y = variant.random({size}, 2);
      std::vector<double> expected = to_double(y);
      for (size_t i = 0; i < expected.size(); ++i) expected[i] += element_of(x, i);
      add({stream, {}}, x, y);
      expect_tensor_near("sum", y, expected);
      expected = to_double(y);
      for (double& value : expected) value *= -0.3F;
      scale({stream, {}}, -0.3F, y);
      expect_tensor_near("scaled", y, expected);
      fill_zero({stream, {}}, y);
      expect_tensor_near("zero", y, std::vector<double>(expected.size()), {0.0, 0.0});
    }
  });
}

TEST(Elementwise, ColumnSumAddsEveryRow) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const int64_t rows : {1, 3, 64, 65, 200}) {
      for (const int64_t columns : {1, 17, 257, 1025}) {
        const Tensor x = variant.random({rows, columns}, 1);
        Tensor y = random_tensor({columns}, 2);
        std::vector<double> expected = to_double(y);
        const std::vector<double> terms = to_double(x);
        for (size_t i = 0; i < terms.size(); ++i) expected[i % expected.size()] += terms[i];
        Buffer workspace(column_sum_workspace(rows, columns));
        column_sum({stream, {workspace.data(), workspace.size_bytes()}}, x, y);
        expect_tensor_near("y", y, expected,
                           scaled(tolerance_of(DType::f32), std::sqrt(static_cast<double>(rows))));
        EXPECT_THROW(column_sum({stream, {workspace.data(), workspace.size_bytes() - 1}}, x, y),
                     Error);
      }
    }
  });
}

/// The documented order: 16 lanes within blocks of 1024, then the blocks in order.
double sum_of_squares_by_hand(std::span<const float> x) {
  double sum = 0.0;
  for (size_t first = 0; first < x.size(); first += 1024) {
    double lanes[16] = {};
    for (size_t i = first; i < std::min(x.size(), first + 1024); ++i) {
      lanes[(i - first) % 16] += static_cast<double>(x[i]) * x[i];
    }
    for (size_t width = 8; width > 0; width /= 2) {
      for (size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
    }
    sum += lanes[0];
  }
  return sum;
}

TEST(Elementwise, SumOfSquaresKeepsItsOrder) {
  for (const InstructionSet set : instruction_sets()) {
    Stream stream({}, set);
    for (const int64_t size : kSizes) {
      const Tensor x = random_tensor({size}, 1);
      EXPECT_EQ(sum_of_squares({stream, {}}, x), sum_of_squares_by_hand(x.span<float>())) << size;
    }
  }
}

TEST(ElementwiseSlow, SumOfSquaresKeepsItsOrderBeyondOneRound) {
  Stream stream;
  const Tensor x = random_tensor({5000001}, 1);
  EXPECT_EQ(sum_of_squares({stream, {}}, x), sum_of_squares_by_hand(x.span<float>()));
}

TEST(Elementwise, CountsZerosOfEitherSign) {
  for (const InstructionSet set : instruction_sets()) {
    Stream stream({}, set);
    Tensor x = filled_tensor({40001}, 1.0F);
    EXPECT_EQ(count_zeros({stream, {}}, x), 0);
    x.span<float>()[0] = 0.0F;
    x.span<float>()[20000] = -0.0F;
    x.span<float>()[40000] = 0.0F;
    x.span<float>()[1] = NAN;
    x.span<float>()[2] = std::numeric_limits<float>::denorm_min();
    EXPECT_EQ(count_zeros({stream, {}}, x), 3);
  }
}

TEST(Elementwise, AllFiniteSeesEveryPlace) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const float largest = variant.dtype == DType::f16    ? 65504.0F
                          : variant.dtype == DType::bf16 ? 0x1.fep127F
                                                         : std::numeric_limits<float>::max();
    Tensor x = filled_tensor({40001}, largest, variant.dtype);
    EXPECT_TRUE(all_finite({stream, {}}, x));
    for (const size_t place : {0u, 15u, 16u, 20000u, 40000u}) {
      for (const float bad : {NAN, INFINITY, -INFINITY}) {
        set_element(x, place, bad);
        EXPECT_FALSE(all_finite({stream, {}}, x)) << bad << " at " << place;
        set_element(x, place, -largest);
      }
    }
  });
}

TEST(Elementwise, RefusesTypesThatItDoesNotKnow) {
  Stream stream;
  Tensor i32({4}, DType::i32);
  Tensor f32({4}, DType::f32);
  Tensor bf16({4}, DType::bf16);
  EXPECT_THROW(scale({stream, {}}, 2.0F, i32), Error);
  EXPECT_THROW(add({stream, {}}, bf16, f32), Error) << "no mixed sums";
  EXPECT_THROW(convert({stream, {}}, f32, i32), Error);
  EXPECT_THROW(sum_of_squares({stream, {}}, bf16), Error);
  EXPECT_THROW(adamw({stream, {}}, {}, 1.0F, f32, f32, f32, f32, f32), Error)
      << "a copy in f32 is the parameter itself";
}

TEST(FillNormal, HasTheStatedMoments) {
  Stream stream;
  Tensor x({100000}, DType::f32);
  fill_normal({stream, {}}, philox::named_key(1, "weight"), 0, 3.0F, 0.5F, x);
  double sum = 0.0;
  double squares = 0.0;
  double cubes = 0.0;
  int64_t beyond_two = 0;
  for (const float value : x.span<float>()) {
    const double z = (value - 3.0) / 0.5;
    sum += z;
    squares += z * z;
    cubes += z * z * z;
    beyond_two += std::abs(z) > 2.0 ? 1 : 0;
  }
  // Five standard deviations of each estimate.
  EXPECT_NEAR(sum / 1e5, 0.0, 0.016);
  EXPECT_NEAR(squares / 1e5, 1.0, 0.023);
  EXPECT_NEAR(cubes / 1e5, 0.0, 0.062);
  EXPECT_NEAR(static_cast<double>(beyond_two) / 1e5, 0.0455, 0.0033);
}

TEST(FillNormal, AShardDrawsTheNumbersOfItsElements) {
  Stream stream;
  const philox::Key key = philox::named_key(1, "weight");
  Tensor whole({101}, DType::f32);
  Tensor shard({60}, DType::f32);
  fill_normal({stream, {}}, key, 0, 0.0F, 1.0F, whole);
  fill_normal({stream, {}}, key, 41, 0.0F, 1.0F, shard);
  for (size_t i = 0; i < 60; ++i) EXPECT_EQ(shard.span<float>()[i], whole.span<float>()[41 + i]);
}

TEST(FillNormal, ElementUsesWordsTwoIAndTwoIPlusOne) {
  Stream stream;
  const philox::Key key{5, 6};
  Tensor x({7}, DType::f32);
  fill_normal({stream, {}}, key, 0, 1.0F, 2.0F, x);
  for (uint64_t i = 0; i < 7; ++i) {
    const philox::Block block = philox::generate(key, philox::counter(i / 2, 0));
    const uint32_t* words = block.word;
    const double radius = std::sqrt(-2.0 * std::log((words[2 * (i % 2)] + 1.0) / 4294967296.0));
    const double angle = 2.0 * M_PI * ((words[2 * (i % 2) + 1] + 1.0) / 4294967296.0);
    EXPECT_NEAR(x.span<float>()[i], 1.0 + 2.0 * radius * std::cos(angle), 1e-6) << i;
  }
}

TEST(FillUniform, IsUniformWithinItsBound) {
  Stream stream;
  Tensor x({100000}, DType::f32);
  fill_uniform({stream, {}}, philox::named_key(1, "weight"), 0, 3.0F, 0.5F, x);
  double sum = 0.0;
  double squares = 0.0;
  int64_t upper_quarter = 0;
  for (const float value : x.span<float>()) {
    const double z = (value - 3.0) / 0.5;
    ASSERT_LE(std::abs(z), 1.0);
    sum += z;
    squares += z * z;
    upper_quarter += z > 0.5 ? 1 : 0;
  }
  // Five standard deviations of each estimate.
  EXPECT_NEAR(sum / 1e5, 0.0, 0.0092);
  EXPECT_NEAR(squares / 1e5, 1.0 / 3.0, 0.0048);
  EXPECT_NEAR(static_cast<double>(upper_quarter) / 1e5, 0.25, 0.0069);
}

TEST(FillUniform, ElementIUsesItsWordWhateverTheShard) {
  Stream stream;
  const philox::Key key{5, 6};
  Tensor whole({23}, DType::f32);
  Tensor shard({10}, DType::f32);
  fill_uniform({stream, {}}, key, 0, 1.0F, 2.0F, whole);
  fill_uniform({stream, {}}, key, 13, 1.0F, 2.0F, shard);
  for (uint64_t i = 0; i < 23; ++i) {
    const uint32_t word = philox::generate(key, philox::counter(i / 4, 0)).word[i % 4];
    const double unit = (static_cast<double>(word) + 1.0) / 4294967296.0;
    EXPECT_EQ(whole.span<float>()[i], static_cast<float>(1.0 + 2.0 * (2.0 * unit - 1.0))) << i;
    if (i < 13) continue;
    EXPECT_EQ(shard.span<float>()[i - 13], whole.span<float>()[i]);
  }
}

TEST(Elementwise, BitsDependOnNeitherThreadsNorInstructionSet) {
  expect_same_bits_everywhere([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Tensor x = variant.random({300, 333}, 1);
    Buffer workspace(column_sum_workspace(300, 333));
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    std::vector<Tensor> r;
    r.emplace_back(Shape{333}, DType::f32);
    column_sum(context, x, r[0]);
    r.emplace_back(Shape{20000}, DType::f32);
    fill_normal(context, {1, 2}, 3, 0.0F, 1.0F, r[1]);
    r.emplace_back(Shape{20000}, DType::f32);
    fill_uniform(context, {1, 2}, 3, 0.0F, 1.0F, r[2]);
    const double sum = sum_of_squares(context, as_type(DType::f32, x));
    r.emplace_back(Shape{2}, DType::f32);
    std::memcpy(r[3].view().raw(), &sum, sizeof(sum));
    r.push_back(copy_of(x));
    add(context, x, r[4]);
    scale(context, 0.3F, r[4]);
    return r;
  });
}

}  // namespace
}  // namespace weft::kernels
