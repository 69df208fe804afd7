#include "weft/kernels/activation.hpp"

#include <gtest/gtest.h>

#include "reference/activation.hpp"
#include "support/gradient_check.hpp"
#include "support/tensor_near.hpp"
#include "support/test_tensors.hpp"
#include "support/thread_counts.hpp"

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
      check_gradient("gelu", [&](const auto& v) { return form.value(v[0]); }, {x},
                     {form.derivative(x)});
    }
  }
}

TEST(Activation, LargeValuesSaturateAndNanStaysNan) {
  Stream stream;
  const Context context{stream, {}};
  for (const Form& form : kForms) {
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
