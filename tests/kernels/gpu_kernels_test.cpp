// The kernels that GPU threads run, played on the host, beside the processor's kernels of the same
// names. Odd sizes run element by element, the others in packs of 16 bytes.
#include <gtest/gtest.h>

#include <array>

#include "support/emulated_block.hpp"
#include "support/tensor_near.hpp"
#include "weft/kernels/activation.hpp"
#include "weft/kernels/activation_kernels.hpp"
#include "weft/kernels/adamw_kernel.hpp"
#include "weft/kernels/column_kernels.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/cross_entropy_kernels.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/dropout_kernel.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/norm_kernels.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr NormConstants kConstants{.epsilon = 1e-5F, .gamma_offset = 1.0F};
/// Less than a warp, a pack and a bit, more than one pack a thread.
constexpr std::array<int64_t, 5> kWidths = {1, 24, 77, 1600, 4097};

template <typename T>
class GpuKernels : public ::testing::Test {
 protected:
  static Tensor random(Shape shape, uint32_t seed, double centre = 0.0) {
    return as_type(dtype_of<T>, random_tensor(shape, seed, 1.0, centre));
  }
  static Tensor unwritten(Shape shape) { return filled_tensor(shape, NAN, dtype_of<T>); }
  /// Both are within the table's tolerance of the exact result.
  static void expect_near(const char* name, const Tensor& gpu, const Tensor& cpu) {
    const Tolerance one = tolerance_of(gpu.dtype());
    expect_tensor_near(name, gpu, to_double(cpu), {4.0 * one.absolute, 2.0 * one.relative});
  }
  static const T* data(const Tensor& tensor) { return tensor.view().template data<T>(); }
  static T* data(Tensor& tensor) { return tensor.view().template data<T>(); }
  static const float* floats(const Tensor& tensor) { return tensor.view().data<float>(); }
  static float* floats(Tensor& tensor) { return tensor.view().data<float>(); }

  Stream stream_;
  Buffer workspace_{1 << 20};
  Context context_{stream_, {workspace_.data(), workspace_.size_bytes()}};
};

using Elements = ::testing::Types<float, BFloat16, Float16>;
TYPED_TEST_SUITE(GpuKernels, Elements);

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
    run_rows<T>(LayerNormForwardRow<T>{.x_TH = this->data(x),
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
      run_rows<T>(LayerNormInputGradientRow<T>{.dy_TH = this->data(dy),
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
    run_rows<T>(RmsNormForwardRow<T>{.x_TH = this->data(x),
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
      run_rows<T>(RmsNormInputGradientRow<T>{.dy_TH = this->data(dy),
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

TYPED_TEST(GpuKernels, ColumnSumsHaveTheProcessorsOrder) {
  using T = TypeParam;
  constexpr int64_t kTokens = 150;  // two chunks and a part of one
  constexpr int64_t kHidden = 37;
  const Tensor x = this->random({kTokens, kHidden}, 1);
  const Tensor dy = this->random({kTokens, kHidden}, 2);
  const Tensor mean = random_tensor({kTokens}, 3, 0.1);
  const Tensor rstd = random_tensor({kTokens}, 4, 0.2, 1.0);
  Tensor cpu[4];
  Tensor gpu[4];
  for (uint32_t i = 0; i < 4; ++i) {
    cpu[i] = random_tensor({kHidden}, 5 + i);
    gpu[i] = copy_of(cpu[i]);
  }
  layer_norm_backward_weight(this->context_, dy, x, mean, rstd, cpu[0], cpu[1]);
  rms_norm_backward_weight(this->context_, dy, x, rstd, cpu[2]);
  column_sum(this->context_, dy, cpu[3]);
  const auto sum = [&](const auto& term, Tensor& y) {
    std::vector<float> partials(static_cast<size_t>(3 * kHidden));
    const ColumnChunks<std::remove_cvref_t<decltype(term)>> chunks{
        .term = term, .partials = partials.data(), .rows = kTokens, .columns = kHidden};
    ASSERT_EQ(chunks.num_chunks(), 3);
    for (int64_t chunk = 0; chunk < 3; ++chunk) {
      for (int64_t column = 0; column < kHidden; ++column) chunks(chunk, column);
    }
    const ColumnFold fold{
        .partials = partials.data(), .y = this->floats(y), .chunks = 3, .columns = kHidden};
    for (int64_t column = 0; column < kHidden; ++column) fold(column);
  };
  sum(LayerNormGammaTerm<T>{this->data(dy), this->data(x), this->floats(mean), this->floats(rstd),
                            kHidden},
      gpu[0]);
  sum(ColumnTerm<T>{this->data(dy), kHidden}, gpu[1]);
  sum(RmsNormGammaTerm<T>{this->data(dy), this->data(x), this->floats(rstd), kHidden}, gpu[2]);
  sum(ColumnTerm<T>{this->data(dy), kHidden}, gpu[3]);
  // Plain sums have no multiplication to contract: their bits are equal.
  EXPECT_EQ(to_double(gpu[1]), to_double(cpu[1]));
  EXPECT_EQ(to_double(gpu[3]), to_double(cpu[3]));
  expect_tensor_near("layer norm dgamma", gpu[0], to_double(cpu[0]), {1e-4, 1e-5});
  expect_tensor_near("rms norm dgamma", gpu[2], to_double(cpu[2]), {1e-4, 1e-5});
}

TYPED_TEST(GpuKernels, CrossEntropy) {
  using T = TypeParam;
  constexpr int64_t kStart = 100;
  for (const int64_t vocab : {9, 77, 1024, 5000}) {
    const Shape shape{3, vocab};
    const Tensor logits = this->random(shape, 1);
    // The first and last of these logits, and one that another rank holds.
    const Tensor labels = index_tensor({3}, {kStart, kStart + vocab - 1, kStart - 1});
    const Tensor dloss = random_tensor({3}, 2);
    Tensor max[2];
    Tensor predicted[2];
    Tensor sums[2];
    for (int i = 0; i < 2; ++i) {
      max[i] = filled_tensor({3}, NAN);
      predicted[i] = filled_tensor({3}, NAN);
      sums[i] = filled_tensor({3}, NAN);
    }
    Tensor gradient[2] = {copy_of(logits), copy_of(logits)};
    cross_entropy_max(this->context_, logits, max[0]);
    cross_entropy_sums(this->context_, logits, labels, kStart, max[0], predicted[0], sums[0]);
    cross_entropy_backward(this->context_, gradient[0], labels, kStart, max[0], sums[0], dloss);
    const int64_t* ids = labels.view().template data<int64_t>();
    run_rows<T>(CrossEntropyMaxRow<T>{this->data(logits), this->floats(max[1]), vocab}, 3, vocab);
    run_rows<T>(
        CrossEntropySumsRow<T>{this->data(logits), ids, this->floats(max[1]),
                               this->floats(predicted[1]), this->floats(sums[1]), vocab, kStart},
        3, vocab);
    run_rows<T>(
        CrossEntropyGradientRow<T>{this->data(gradient[1]), ids, this->floats(max[1]),
                                   this->floats(sums[1]), this->floats(dloss), vocab, kStart},
        3, vocab);
    EXPECT_EQ(to_double(max[1]), to_double(max[0]));
    EXPECT_EQ(to_double(predicted[1]), to_double(predicted[0]));
    this->expect_near("sums", sums[1], sums[0]);
    this->expect_near("gradient", gradient[1], gradient[0]);
  }
}

TYPED_TEST(GpuKernels, CrossEntropyMaxIsNanWhenALogitIs) {
  using T = TypeParam;
  for (const int64_t vocab : {77, 1024}) {
    Tensor logits = this->random({1, vocab}, 1);
    set_element(logits, 40, NAN);
    Tensor max = filled_tensor({1}, 0.0F);
    run_rows<T>(CrossEntropyMaxRow<T>{this->data(logits), this->floats(max), vocab}, 1, vocab);
    EXPECT_TRUE(std::isnan(max.span<float>()[0])) << vocab;
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
      run_rows<T>(kernel, 12, hidden);
      kernel.bias_H = this->data(bias);
      kernel.residual_SBH = this->data(residual);
      kernel.y_SBH = this->data(added[1]);
      run_rows<T>(kernel, 12, hidden);
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
    run_rows<T>(SwiGluForwardRow<T>{this->data(x), this->data(y[1]), width}, 3, width);
    run_rows<T>(SwiGluGradientRow<T>{this->data(dy), this->data(x), this->data(dx[1]), width}, 3,
                width);
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
