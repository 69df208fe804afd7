// The kernels that GPU threads run, played on the host, beside the processor's kernels of the same
// names. Odd sizes run element by element, the others in packs of 16 bytes.
#include <gtest/gtest.h>

#include <array>

#include "support/gpu_kernels.hpp"
#include "weft/kernels/activation.hpp"
#include "weft/kernels/activation_kernels.hpp"
#include "weft/kernels/adamw_kernel.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/dropout_kernel.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/norm_kernels.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

TYPED_TEST_SUITE(GpuKernels, GpuElements);

TYPED_TEST(GpuKernels, LayerNorm) {
  using T = TypeParam;
  for (const int64_t hidden : kWidths) {
    const Shape shape{3, hidden};
    const Tensor x = this->random(shape, 1, 0.5);
    const Tensor dy = this->random(shape, 2);
    const Tensor gamma = this->random({hidden}, 3);
    const Tensor beta = this->random({hidden}, 4);
    Tensor y[2] = {this->unwritten(shape), this->unwritten(shape)};
    Tensor mean[2] = {filled_tensor({3}, NAN), filled_tensor({3}, NAN)};
    Tensor rstd[2] = {filled_tensor({3}, NAN), filled_tensor({3}, NAN)};
    layer_norm_forward(this->context_, x, gamma, beta, kConstants, y[0], mean[0], rstd[0]);
    run_held_rows<T>(LayerNormForwardRow<T>{.x_TH = this->data(x),
                                            .gamma_H = this->data(gamma),
                                            .beta_H = this->data(beta),
                                            .y_TH = this->data(y[1]),
                                            .mean_T = this->floats(mean[1]),
                                            .rstd_T = this->floats(rstd[1]),
                                            .hidden = hidden,
                                            .constants = kConstants},
                     3, hidden);
    this->expect_near("y", y[1], y[0]);
    this->expect_near("mean", mean[1], mean[0]);
    this->expect_near("rstd", rstd[1], rstd[0]);
    for (const bool accumulate : {false, true}) {
      Tensor dx[2] = {this->random(shape, 5), this->random(shape, 5)};
      layer_norm_backward_input(this->context_, dy, x, gamma, kConstants, mean[0], rstd[0],
                                accumulate, dx[0]);
      run_held_rows<T>(LayerNormInputGradientRow<T>{.dy_TH = this->data(dy),
                                                    .x_TH = this->data(x),
                                                    .gamma_H = this->data(gamma),
                                                    .mean_T = this->floats(mean[0]),
                                                    .rstd_T = this->floats(rstd[0]),
                                                    .dx_TH = this->data(dx[1]),
                                                    .hidden = hidden,
                                                    .gamma_offset = kConstants.gamma_offset,
                                                    .accumulate = accumulate},
                       3, hidden);
      // rstd grows without bound as the width shrinks to 1.
      if (hidden > 1) this->expect_near("dx", dx[1], dx[0]);
    }
  }
}

TYPED_TEST(GpuKernels, RmsNorm) {
  using T = TypeParam;
  for (const int64_t hidden : kWidths) {
    const Shape shape{3, hidden};
    const Tensor x = this->random(shape, 1, 0.5);
    const Tensor dy = this->random(shape, 2);
    const Tensor gamma = this->random({hidden}, 3);
    Tensor y[2] = {this->unwritten(shape), this->unwritten(shape)};
    Tensor rstd[2] = {filled_tensor({3}, NAN), filled_tensor({3}, NAN)};
    rms_norm_forward(this->context_, x, gamma, kConstants, y[0], rstd[0]);
    run_held_rows<T>(RmsNormForwardRow<T>{.x_TH = this->data(x),
                                          .gamma_H = this->data(gamma),
                                          .y_TH = this->data(y[1]),
                                          .rstd_T = this->floats(rstd[1]),
                                          .hidden = hidden,
                                          .constants = kConstants},
                     3, hidden);
    this->expect_near("y", y[1], y[0]);
    this->expect_near("rstd", rstd[1], rstd[0]);
    for (const bool accumulate : {false, true}) {
      Tensor dx[2] = {this->random(shape, 5), this->random(shape, 5)};
      rms_norm_backward_input(this->context_, dy, x, gamma, kConstants, rstd[0], accumulate, dx[0]);
      run_held_rows<T>(RmsNormInputGradientRow<T>{.dy_TH = this->data(dy),
                                                  .x_TH = this->data(x),
                                                  .gamma_H = this->data(gamma),
                                                  .rstd_T = this->floats(rstd[0]),
                                                  .dx_TH = this->data(dx[1]),
                                                  .hidden = hidden,
                                                  .gamma_offset = kConstants.gamma_offset,
                                                  .accumulate = accumulate},
                       3, hidden);
      if (hidden > 1) this->expect_near("dx", dx[1], dx[0]);
    }
  }
}

TYPED_TEST(GpuKernels, DropoutHasTheProcessorsBits) {
  using T = TypeParam;
  constexpr std::array<int64_t, 3> kSamples = {9, 2, 5000000000};
  for (const int64_t hidden : kWidths) {
    for (const double rate : {0.0, 0.3}) {
      const Shape shape{4, 3, hidden};
      const Dropout dropout(rate, 77, 3, DropoutSite::mlp_output, kSamples);
      Tensor x = this->random(shape, 1);
      set_element(x, 0, NAN);
      const Tensor bias = this->random({hidden}, 2);
      const Tensor residual = this->random(shape, 3);
      Tensor plain[2] = {this->unwritten(shape), this->unwritten(shape)};
      Tensor added[2] = {this->unwritten(shape), this->unwritten(shape)};
      dropout_forward(this->context_, dropout, x, plain[0]);
      bias_dropout_add_forward(this->context_, dropout, x, bias, residual, added[0]);
      DropoutRowKernel<T> kernel{.x_SBH = this->data(x),
                                 .bias_H = nullptr,
                                 .residual_SBH = nullptr,
                                 .y_SBH = this->data(plain[1]),
                                 .samples_B = kSamples.data(),
                                 .microbatch = 3,
                                 .hidden = hidden,
                                 .key = dropout.key,
                                 .threshold = dropout.threshold,
                                 .scale = dropout.scale};
      run_held_rows<T>(kernel, 12, hidden);
      kernel.bias_H = this->data(bias);
      kernel.residual_SBH = this->data(residual);
      kernel.y_SBH = this->data(added[1]);
      run_held_rows<T>(kernel, 12, hidden);
      for (size_t i = 0; i < static_cast<size_t>(shape.num_elements()); ++i) {
        const float expected = element_of(plain[0], i);
        const float got = element_of(plain[1], i);
        ASSERT_TRUE(got == expected || (got != got && expected != expected)) << hidden << " " << i;
      }
      this->expect_near("added", added[1], added[0]);
    }
  }
}

template <typename T, typename Math>
void compare_activation(const Context& context, Activation activation) {
  const Shape shape{5, 77};
  const Tensor x = as_type(dtype_of<T>, random_tensor(shape, 1, 3.0));
  const Tensor dy = as_type(dtype_of<T>, random_tensor(shape, 2));
  Tensor y[2] = {Tensor(shape, dtype_of<T>), Tensor(shape, dtype_of<T>)};
  Tensor dx[2] = {Tensor(shape, dtype_of<T>), Tensor(shape, dtype_of<T>)};
  activation_forward(context, activation, x, y[0]);
  activation_backward(context, activation, dy, x, dx[0]);
  const T* x_data = x.view().template data<T>();
  run_elements<kPackOf<T>>(ActivationForward<T, Math>{x_data, y[1].view().template data<T>()},
                           shape.num_elements());
  run_elements<kPackOf<T>>(ActivationGradient<T, Math>{dy.view().template data<T>(), x_data,
                                                       dx[1].view().template data<T>()},
                           shape.num_elements());
  const Tolerance one = tolerance_of(dtype_of<T>);
  const Tolerance both{4.0 * one.absolute, 2.0 * one.relative};
  expect_tensor_near("y", y[1], to_double(y[0]), both);
  expect_tensor_near("dx", dx[1], to_double(dx[0]), both);
}

TYPED_TEST(GpuKernels, Activations) {
  using T = TypeParam;
  compare_activation<T, GeluTanh>(this->context_, Activation::gelu_tanh);
  compare_activation<T, GeluErf>(this->context_, Activation::gelu_erf);
  compare_activation<T, SquaredRelu>(this->context_, Activation::squared_relu);
}

TYPED_TEST(GpuKernels, SwiGlu) {
  using T = TypeParam;
  for (const int64_t width : {7, 24, 2056}) {
    const Tensor x = this->random({3, 2 * width}, 1);
    const Tensor dy = this->random({3, width}, 2);
    Tensor y[2] = {this->unwritten({3, width}), this->unwritten({3, width})};
    Tensor dx[2] = {this->unwritten({3, 2 * width}), this->unwritten({3, 2 * width})};
    activation_forward(this->context_, Activation::swiglu, x, y[0]);
    activation_backward(this->context_, Activation::swiglu, dy, x, dx[0]);
    run_held_rows<T>(SwiGluForwardRow<T>{this->data(x), this->data(y[1]), width}, 3, width);
    run_held_rows<T>(SwiGluGradientRow<T>{this->data(dy), this->data(x), this->data(dx[1]), width},
                     3, width);
    this->expect_near("y", y[1], y[0]);
    this->expect_near("dx", dx[1], dx[0]);
  }
}

TYPED_TEST(GpuKernels, AdamW) {
  using T = TypeParam;
  constexpr int64_t kSize = 1027;  // packs of four and a rest
  const Tensor grad = random_tensor({kSize}, 1);
  Tensor state[2][3];
  Tensor low[2];
  for (int i = 0; i < 2; ++i) {
    state[i][0] = random_tensor({kSize}, 2);
    state[i][1] = random_tensor({kSize}, 3, 0.1);
    state[i][2] = random_tensor({kSize}, 4, 0.1, 0.5);
    low[i] = this->unwritten({kSize});
  }
  const AdamWStep step{.learning_rate = 1e-2F,
                       .weight_decay = 0.1F,
                       .bias_correction1 = 0.1F,
                       .bias_correction2 = 0.001F};
  const bool has_low = dtype_of<T> != DType::f32;
  adamw(this->context_, step, 0.5F, grad, state[0][0], state[0][1], state[0][2],
        has_low ? low[0].view() : TensorView());
  run_elements<4>(AdamWKernel<T, AdamWStep>{.step = step,
                                            .grad_scale = 0.5F,
                                            .grad = this->floats(grad),
                                            .param = this->floats(state[1][0]),
                                            .exp_avg = this->floats(state[1][1]),
                                            .exp_avg_sq = this->floats(state[1][2]),
                                            .low = has_low ? this->data(low[1]) : nullptr},
                  kSize);
  for (int i = 0; i < 3; ++i) this->expect_near("state", state[1][i], state[0][i]);
  if (has_low) this->expect_near("low", low[1], low[0]);
}

}  // namespace
}  // namespace weft::kernels
