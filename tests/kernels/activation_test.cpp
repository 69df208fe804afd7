#include "weft/kernels/activation.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "reference/activation.hpp"
#include "support/gradient_check.hpp"
#include "support/kernel_variants.hpp"
#include "support/vectors.hpp"
#include "weft/kernels/activation_math.hpp"

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
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Context context{stream, {}};
    for (const Form& form : kForms) {
      for (const int64_t size : {1, 3, 17, 63, 65, 1025, 40001}) {
        const Tensor x = variant.random({size}, 1, 4.0);
        const Tensor dy = variant.random({size}, 2);
        Tensor y = variant.unwritten({size});
        Tensor dx = variant.unwritten({size});
        activation_forward(context, form.activation, x, y);
        activation_backward(context, form.activation, dy, x, dx);
        std::vector<double> expected_y = to_double(x);
        std::vector<double> expected_dx = to_double(dy);
        for (size_t i = 0; i < expected_y.size(); ++i) {
          expected_dx[i] *= form.derivative(expected_y[i]);
          expected_y[i] = form.value(expected_y[i]);
        }
        expect_tensor_near("y", y, expected_y);
        expect_tensor_near("dx", dx, expected_dx, variant.tolerance(2.0));
      }
    }
  });
}

TEST(NormalPoint, IsWithinItsStatedErrors) {
  double worst = 0.0;
  double worst_relative = 0.0;
  for (float x = -14.0F; x < 14.0F; x += 1.37e-4F) {
    const double exact = 0.5 * std::erfc(-static_cast<double>(x) / std::sqrt(2.0));
    const double error = std::abs(static_cast<double>(NormalPoint(x).distribution) - exact);
    worst = std::max(worst, error);
    if (x >= -5.0F) worst_relative = std::max(worst_relative, error / exact);
  }
  EXPECT_LT(worst, 2.2e-7);
  EXPECT_LT(worst_relative, 8e-7);
  EXPECT_EQ(NormalPoint(INFINITY).distribution, 1.0F);
  EXPECT_EQ(NormalPoint(-INFINITY).distribution, 0.0F);
  EXPECT_TRUE(std::isnan(NormalPoint(NAN).distribution));
}

TEST(Activation, ReferenceAgreesWithCentralDifferences) {
  for (const Form& form : kForms) {
    for (double x = -4.0; x < 4.0; x += 0.37) {
      check_gradient("activation", [&](const auto& v) { return form.value(v[0]); }, {x},
                     {form.derivative(x)});
    }
  }
}

/// The largest power of two whose square is still a number of the type, and more.
float large_value(DType dtype) { return dtype == DType::f16 ? 0x1p15F : 0x1p99F; }

TEST(Activation, LargeValuesSaturateAndNanStaysNan) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Context context{stream, {}};
    const float large = large_value(variant.dtype);
    for (const Form& form : {kForms[0], kForms[1]}) {
      const Tensor x = tensor_of({5}, std::array{large, -large, 50.0F, -50.0F, NAN}, variant.dtype);
      Tensor y = variant.unwritten({5});
      Tensor dx = variant.unwritten({5});
      activation_forward(context, form.activation, x, y);
      activation_backward(context, form.activation, filled_tensor({5}, 1.0F, variant.dtype), x, dx);
      EXPECT_EQ(element_of(y, 0), large);
      EXPECT_NEAR(element_of(y, 1), 0.0F, 1e-6);
      EXPECT_EQ(element_of(y, 2), 50.0F);
      EXPECT_NEAR(element_of(y, 3), 0.0F, 1e-6);
      EXPECT_TRUE(std::isnan(element_of(y, 4)));
      const float slopes[] = {1.0F, 0.0F, 1.0F, 0.0F};
      for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(element_of(dx, i), slopes[i], 1e-6) << i;
      EXPECT_TRUE(std::isnan(element_of(dx, 4)));
    }
  });
}

TEST(Activation, SquaredReluKeepsNanAndCutsNegativeValues) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Tensor x = tensor_of({4}, std::array{NAN, -large_value(variant.dtype), 0x1p7F, 0x1p99F},
                               variant.dtype);
    Tensor y = variant.unwritten({4});
    activation_forward({stream, {}}, Activation::squared_relu, x, y);
    EXPECT_TRUE(std::isnan(element_of(y, 0)));
    EXPECT_EQ(element_of(y, 1), 0.0F);
    EXPECT_EQ(element_of(y, 2), 0x1p14F);
    EXPECT_EQ(element_of(y, 3), INFINITY) << "beyond the type";
  });
}

/// y and dx of gated SiLU.
std::vector<Tensor> run_swiglu(const KernelVariant& variant, const Tensor& x_TG,
                               const Tensor& dy_TF) {
  Stream stream = variant.stream();
  std::vector<Tensor> r;
  r.push_back(variant.unwritten(dy_TF.shape()));
  r.push_back(variant.unwritten(x_TG.shape()));
  activation_forward({stream, {}}, Activation::swiglu, x_TG, r[0]);
  activation_backward({stream, {}}, Activation::swiglu, dy_TF, x_TG, r[1]);
  return r;
}

TEST(Activation, SwiGluMatchesTheReferenceAtOddSizes) {
  for_each_variant([](const KernelVariant& variant) {
    for (const int64_t width : {1, 3, 16, 63, 65, 1025}) {
      for (const int64_t tokens : {1, 5, 70}) {
        const Tensor x = variant.random({tokens, 2 * width}, 1, 4.0);
        const Tensor dy = variant.random({tokens, width}, 2);
        const std::vector<Tensor> r = run_swiglu(variant, x, dy);
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
        expect_tensor_near("y", r[0], y, variant.tolerance(4.0));
        expect_tensor_near("dx", r[1], dx, variant.tolerance(8.0));
      }
    }
  });
}

TEST(Activation, SiluReferenceAgreesWithCentralDifferences) {
  for (double x = -6.0; x < 6.0; x += 0.37) {
    check_gradient("silu", [](const auto& v) { return reference::silu(v[0]); }, {x},
                   {reference::silu_derivative(x)});
  }
}

TEST(Activation, SwiGluSaturatesAndNanStaysNan) {
  for_each_variant([](const KernelVariant& variant) {
    const float large = large_value(variant.dtype);
    const float half = 0.5F;
    const Tensor x = tensor_of(
        {5, 2}, std::array{large, half, -large, half, 50.0F, half, -50.0F, half, NAN, half},
        variant.dtype);
    const auto r = run_swiglu(variant, x, filled_tensor({5, 1}, 1.0F, variant.dtype));
    const float expected_y[] = {half * large, 0.0F, 25.0F, 0.0F};
    const float expected_gate[] = {half, 0.0F, half, 0.0F};
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(element_of(r[0], i), expected_y[i], 1e-6 * (1.0 + expected_y[i])) << i;
      EXPECT_NEAR(element_of(r[1], 2 * i), expected_gate[i], 1e-6) << i;
    }
    EXPECT_TRUE(std::isnan(element_of(r[0], 4)));
    EXPECT_TRUE(std::isnan(element_of(r[1], 8)));
  });
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

TEST(Activation, BitsDependOnNeitherThreadsNorInstructionSet) {
  expect_same_bits_everywhere([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Tensor x = variant.random({50001}, 1, 4.0);
    std::vector<Tensor> r;
    for (const Form& form : kForms) {
      r.push_back(variant.unwritten(x.shape()));
      activation_forward({stream, {}}, form.activation, x, r.back());
      r.push_back(variant.unwritten(x.shape()));
      activation_backward({stream, {}}, form.activation, x, x, r.back());
    }
    for (Tensor& result :
         run_swiglu(variant, variant.random({301, 2 * 97}, 1), variant.random({301, 97}, 2))) {
      r.push_back(std::move(result));
    }
    return r;
  });
}

}  // namespace
}  // namespace weft::kernels
