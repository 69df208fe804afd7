#include "weft/kernels/elementwise.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "reference/optimizer.hpp"
#include "support/tensor_near.hpp"
#include "support/test_tensors.hpp"
#include "support/thread_counts.hpp"
#include "weft/kernels/optimizer_math.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr int64_t kSizes[] = {1, 3, 17, 63, 65, 1023, 1025, 40001};

TEST(Elementwise, ZeroAddAndScale) {
  Stream stream;
  for (const int64_t size : kSizes) {
    const Tensor x = random_tensor({size}, 1);
    Tensor y = random_tensor({size}, 2);
    std::vector<double> expected = to_double(y);
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] = (expected[i] + x.span<float>()[i]) * -0.5;
    }
    add({stream, {}}, x, y);
    scale({stream, {}}, -0.5F, y);
    expect_tensor_near("y", y, expected);
    fill_zero({stream, {}}, y);
    expect_tensor_near("zero", y, std::vector<double>(expected.size()), {0.0, 0.0});
  }
}

TEST(Elementwise, ColumnSumAddsEveryRow) {
  Stream stream;
  for (const int64_t rows : {1, 3, 64, 65, 200}) {
    for (const int64_t columns : {1, 17, 257, 1025}) {
      const Tensor x = random_tensor({rows, columns}, 1);
      Tensor y = random_tensor({columns}, 2);
      std::vector<double> expected = to_double(y);
      for (size_t i = 0; i < x.span<float>().size(); ++i) {
        expected[i % expected.size()] += x.span<float>()[i];
      }
      Buffer workspace(column_sum_workspace(rows, columns));
      column_sum({stream, {workspace.data(), workspace.size_bytes()}}, x, y);
      expect_tensor_near("y", y, expected,
                         scaled(tolerance_of(DType::f32), std::sqrt(static_cast<double>(rows))));
      EXPECT_THROW(column_sum({stream, {workspace.data(), workspace.size_bytes() - 1}}, x, y),
                   Error);
    }
  }
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
  Stream stream;
  for (const int64_t size : kSizes) {
    const Tensor x = random_tensor({size}, 1);
    EXPECT_EQ(sum_of_squares({stream, {}}, x), sum_of_squares_by_hand(x.span<float>())) << size;
  }
}

TEST(ElementwiseSlow, SumOfSquaresKeepsItsOrderBeyondOneRound) {
  Stream stream;
  const Tensor x = random_tensor({5000001}, 1);
  EXPECT_EQ(sum_of_squares({stream, {}}, x), sum_of_squares_by_hand(x.span<float>()));
}

TEST(Elementwise, CountsZerosOfEitherSign) {
  Stream stream;
  Tensor x = filled_tensor({40001}, 1.0F);
  EXPECT_EQ(count_zeros({stream, {}}, x), 0);
  x.span<float>()[0] = 0.0F;
  x.span<float>()[20000] = -0.0F;
  x.span<float>()[40000] = 0.0F;
  x.span<float>()[1] = NAN;
  x.span<float>()[2] = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(count_zeros({stream, {}}, x), 3);
}

TEST(Elementwise, AllFiniteSeesEveryPlace) {
  Stream stream;
  for (const size_t place : {0u, 15u, 16u, 20000u, 40000u}) {
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      Tensor x = filled_tensor({40001}, std::numeric_limits<float>::max());
      EXPECT_TRUE(all_finite({stream, {}}, x));
      x.span<float>()[place] = bad;
      EXPECT_FALSE(all_finite({stream, {}}, x)) << bad << " at " << place;
    }
  }
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

TEST(AdamW, MatchesTheReferenceOverSteps) {
  Stream stream;
  for (const bool decoupled : {true, false}) {
    for (const int64_t size : {1, 17, 1025}) {
      Tensor param = random_tensor({size}, 1);
      Tensor exp_avg({size}, DType::f32);
      Tensor exp_avg_sq({size}, DType::f32);
      std::vector<reference::AdamWState> states;
      for (const double p : to_double(param)) states.push_back({p, 0.0, 0.0});
      for (uint32_t t = 1; t <= 4; ++t) {
        const Tensor grad = random_tensor({size}, 10 + t);
        AdamWStep step{.learning_rate = 0.01F, .weight_decay = 0.1F, .decoupled = decoupled};
        step.bias_correction1 = 1.0F - std::pow(step.beta1, static_cast<float>(t));
        step.bias_correction2 = 1.0F - std::pow(step.beta2, static_cast<float>(t));
        adamw({stream, {}}, step, 0.25F, grad, param, exp_avg, exp_avg_sq);
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
    }
  }
}

TEST(Sgd, WithAndWithoutMomentum) {
  Stream stream;
  for (const float momentum : {0.0F, 0.9F}) {
    Tensor param = random_tensor({65}, 1);
    Tensor buffer = filled_tensor({65}, NAN);  // the first step writes it
    std::vector<double> expected = to_double(param);
    std::vector<double> velocity(65);
    for (uint32_t t = 0; t < 3; ++t) {
      const Tensor grad = random_tensor({65}, 10 + t);
      sgd({stream, {}}, 0.1F, momentum, 0.01F, t == 0, 0.5F, grad, param,
          momentum == 0.0F ? TensorView() : buffer.view());
      for (size_t i = 0; i < 65; ++i) {
        const double g = 0.5 * grad.span<float>()[i] + 0.01 * expected[i];
        velocity[i] = t == 0 ? g : momentum * velocity[i] + g;
        expected[i] -= 0.1 * velocity[i];
      }
    }
    expect_tensor_near("param", param, expected);
  }
}

TEST(Elementwise, BitsDoNotDependOnThreads) {
  const Tensor x = random_tensor({300, 333}, 1);
  expect_same_for_thread_counts([&] {
    Stream stream;
    Buffer workspace(column_sum_workspace(300, 333));
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    std::vector<Tensor> r;
    r.emplace_back(Shape{333}, DType::f32);
    column_sum(context, x, r[0]);
    r.emplace_back(Shape{50000}, DType::f32);
    fill_normal(context, {1, 2}, 3, 0.0F, 1.0F, r[1]);
    r.push_back(copy_of(x));
    Tensor m = copy_of(x);
    Tensor v = filled_tensor(x.shape(), 1.0F);
    adamw(context, {.learning_rate = 0.1F}, 1.0F, x, r[2], m, v);
    const double sum = sum_of_squares(context, x);
    r.emplace_back(Shape{2}, DType::f32);
    std::memcpy(r[3].view().raw(), &sum, sizeof(sum));
    return r;
  });
}

}  // namespace
}  // namespace weft::kernels
