#include "weft/kernels/activation.hpp"

#include <gtest/gtest.h>

#include "reference/activation.hpp"
#include "support/gradient_check.hpp"
#include "support/tensor_near.hpp"
#include "support/test_tensors.hpp"
#include "support/thread_counts.hpp"
#include "support/vectors.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

struct Form {
  Activation activation;
  double (*value)(double);
  double (*derivative)(double);
};

constexpr Form kForms[] = {
    {Activation::gelu_tanh, reference::gelu_tanh, reference::gelu_tanh_derivative},
    {Activation::gelu_erf, reference::gelu_erf, reference::gelu_erf_derivative},
    {Activation::squared_relu, reference::squared_relu, reference::squared_relu_derivative},
};

TEST(Activation, MatchesTheReferenceAtOddSizes) {
  Stream stream;
  const Context context{stream, {}};
  for (const Form& form : kForms) {
    for (const int64_t size : {1, 3, 17, 63, 65, 1025, 40001}) {
      const Tensor x = random_tensor({size}, 1, 4.0);
      const Tensor dy = random_tensor({size}, 2);
      Tensor y({size}, DType::f32);
      Tensor dx({size}, DType::f32);
      activation_forward(context, form.activation, x, y);
      activation_backward(context, form.activation, dy, x, dx);
      std::vector<double> expected_y = to_double(x);
      std::vector<double> expected_dx = to_double(dy);
      for (size_t i = 0; i < expected_y.size(); ++i) {
        expected_dx[i] *= form.derivative(expected_y[i]);
        expected_y[i] = form.value(expected_y[i]);
      }
      expect_tensor_near("y", y, expected_y);
      expect_tensor_near("dx", dx, expected_dx, scaled(tolerance_of(DType::f32), 2.0));
    }
  }
}

TEST(Activation, ReferenceAgreesWithCentralDifferences) {
  for (const Form& form : kForms) {
    for (double x = -4.0; x < 4.0; x += 0.37) {
      check_gradient("activation", [&](const auto& v) { return form.value(v[0]); }, {x},
                     {form.derivative(x)});
    }
  }
}

TEST(Activation, LargeValuesSaturateAndNanStaysNan) {
  Stream stream;
  const Context context{stream, {}};
  for (const Form& form : {kForms[0], kForms[1]}) {
    Tensor x({5}, DType::f32);
    const float values[] = {1e30F, -1e30F, 50.0F, -50.0F, NAN};
    std::copy(std::begin(values), std::end(values), x.span<float>().begin());
    Tensor y({5}, DType::f32);
    Tensor dx({5}, DType::f32);
    activation_forward(context, form.activation, x, y);
    activation_backward(context, form.activation, filled_tensor({5}, 1.0F), x, dx);
    EXPECT_EQ(y.span<float>()[0], 1e30F);
    EXPECT_NEAR(y.span<float>()[1], 0.0F, 1e-6);
    EXPECT_EQ(y.span<float>()[2], 50.0F);
    EXPECT_NEAR(y.span<float>()[3], 0.0F, 1e-6);
    EXPECT_TRUE(std::isnan(y.span<float>()[4]));
    const float slopes[] = {1.0F, 0.0F, 1.0F, 0.0F};
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(dx.span<float>()[i], slopes[i], 1e-6) << i;
    EXPECT_TRUE(std::isnan(dx.span<float>()[4]));
  }
}

TEST(Activation, SquaredReluKeepsNanAndCutsNegativeValues) {
  Stream stream;
  Tensor x({3}, DType::f32);
  const float values[] = {NAN, -1e30F, 1e18F};
  std::copy(std::begin(values), std::end(values), x.span<float>().begin());
  Tensor y({3}, DType::f32);
  activation_forward({stream, {}}, Activation::squared_relu, x, y);
  EXPECT_TRUE(std::isnan(y.span<float>()[0]));
  EXPECT_EQ(y.span<float>()[1], 0.0F);
  EXPECT_EQ(y.span<float>()[2], 1e18F * 1e18F);
}

/// y and dx of gated SiLU.
std::vector<Tensor> run_swiglu(const Tensor& x_TG, const Tensor& dy_TF) {
  Stream stream;
  std::vector<Tensor> r;
  r.push_back(filled_tensor(dy_TF.shape(), NAN));
  r.push_back(filled_tensor(x_TG.shape(), NAN));
  activation_forward({stream, {}}, Activation::swiglu, x_TG, r[0]);
  activation_backward({stream, {}}, Activation::swiglu, dy_TF, x_TG, r[1]);
  return r;
}

TEST(Activation, SwiGluMatchesTheReferenceAtOddSizes) {
  for (const int64_t width : {1, 3, 16, 63, 65, 1025}) {
    for (const int64_t tokens : {1, 5, 70}) {
      const Tensor x = random_tensor({tokens, 2 * width}, 1, 4.0);
      const Tensor dy = random_tensor({tokens, width}, 2);
      const std::vector<Tensor> r = run_swiglu(x, dy);
      const std::vector<double> in = to_double(x);
      std::vector<double> y = to_double(dy);
      std::vector<double> dx = in;
      const auto columns = static_cast<size_t>(width);
      for (size_t i = 0; i < y.size(); ++i) {
        const size_t gate = i / columns * 2 * columns + i % columns;
        const size_t up = gate + columns;
        dx[gate] = y[i] * reference::silu_derivative(in[gate]) * in[up];
        dx[up] = y[i] * reference::silu(in[gate]);
        y[i] = reference::silu(in[gate]) * in[up];
      }
      expect_tensor_near("y", r[0], y, scaled(tolerance_of(DType::f32), 4.0));
      expect_tensor_near("dx", r[1], dx, scaled(tolerance_of(DType::f32), 8.0));
    }
  }
}

TEST(Activation, SiluReferenceAgreesWithCentralDifferences) {
  for (double x = -6.0; x < 6.0; x += 0.37) {
    check_gradient("silu", [](const auto& v) { return reference::silu(v[0]); }, {x},
                   {reference::silu_derivative(x)});
  }
}

TEST(Activation, SwiGluSaturatesAndNanStaysNan) {
  Tensor x({5, 2}, DType::f32);
  const float values[] = {1e30F, 2.0F, -3e38F, 2.0F, 50.0F, 2.0F, -50.0F, 2.0F, NAN, 2.0F};
  std::copy(std::begin(values), std::end(values), x.span<float>().begin());
  const std::vector<Tensor> r = run_swiglu(x, filled_tensor({5, 1}, 1.0F));
  const float expected_y[] = {2e30F, 0.0F, 100.0F, 0.0F};
  const float expected_gate[] = {2.0F, 0.0F, 2.0F, 0.0F};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(r[0].span<float>()[i], expected_y[i], 1e-6 * (1.0 + expected_y[i])) << i;
    EXPECT_NEAR(r[1].span<float>()[2 * i], expected_gate[i], 1e-6) << i;
  }
  EXPECT_TRUE(std::isnan(r[0].span<float>()[4]));
  EXPECT_TRUE(std::isnan(r[1].span<float>()[8]));
}

TEST(Activation, SwiGluBitsDoNotDependOnThreads) {
  const Tensor x = random_tensor({301, 2 * 97}, 1);
  const Tensor dy = random_tensor({301, 97}, 2);
  expect_same_for_thread_counts([&] { return run_swiglu(x, dy); });
}

// vectors/activations_rope.json: values of every form at a few points.
TEST(Activation, ValuesAreThoseOfTheVector) {
  Stream stream;
  const auto vector = load_vector("activations_rope");
  const auto points = vector.at("x").get<std::vector<float>>();
  const auto size = static_cast<int64_t>(points.size());
  Tensor x({size}, DType::f32);
  std::ranges::copy(points, x.span<float>().begin());
  const std::pair<const char*, Activation> forms[] = {
      {"gelu_tanh_fused(0.79788456)", Activation::gelu_tanh},
      {"gelu_erf", Activation::gelu_erf},
      {"squared_relu", Activation::squared_relu}};
  for (const auto& [name, activation] : forms) {
    Tensor y({size}, DType::f32);
    activation_forward({stream, {}}, activation, x, y);
    expect_tensor_near(name, y, vector.at(name).get<std::vector<double>>());
  }
  Tensor gated({size, 2}, DType::f32);
  for (size_t i = 0; i < points.size(); ++i) {
    gated.span<float>()[2 * i] = points[i];
    gated.span<float>()[2 * i + 1] = 1.0F;
  }
  Tensor y({size, 1}, DType::f32);
  activation_forward({stream, {}}, Activation::swiglu, gated, y);
  expect_tensor_near("silu", y, vector.at("silu").get<std::vector<double>>());
}

TEST(Activation, BackwardMayOverwriteItsGradient) {
  Stream stream;
  const Context context{stream, {}};
  const Tensor x = random_tensor({1000}, 1);
  const Tensor dy = random_tensor({1000}, 2);
  Tensor apart({1000}, DType::f32);
  Tensor same = copy_of(dy);
  activation_backward(context, Activation::gelu_tanh, dy, x, apart);
  activation_backward(context, Activation::gelu_tanh, same, x, same);
  expect_same_bits("dx", same, apart);
}

TEST(Activation, BitsDoNotDependOnThreads) {
  const Tensor x = random_tensor({50001}, 1);
  expect_same_for_thread_counts([&] {
    Stream stream;
    std::vector<Tensor> r;
    r.emplace_back(x.shape(), DType::f32);
    r.emplace_back(x.shape(), DType::f32);
    activation_forward({stream, {}}, Activation::gelu_tanh, x, r[0]);
    activation_backward({stream, {}}, Activation::gelu_tanh, x, x, r[1]);
    return r;
  });
}

}  // namespace
}  // namespace weft::kernels
