// A sum with its norm: the loop of the processor has the bits of the two loops that it stands for,
// and the kernel of a GPU, played on the host, comes near them.
#include <gtest/gtest.h>

#include <array>

#include "support/gpu_kernels.hpp"
#include "weft/kernels/add_norm.hpp"
#include "weft/kernels/add_norm_kernel.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr std::array<int64_t, 2> kSamples = {9, 5000000000};
constexpr int64_t kSequence = 3;
constexpr int64_t kRows = kSequence * 2;

template <typename T>
using AddNorm = GpuKernels<T>;
TYPED_TEST_SUITE(AddNorm, GpuElements);

/// What a call reads.
struct Operands {
  Tensor x;
  Tensor bias;
  Tensor residual;
  Tensor gamma;
  Tensor beta;
  Dropout dropout{0.3, 77, 3, DropoutSite::attention_output, kSamples};
};

Operands operands(DType dtype, DType stream, int64_t hidden) {
  const Shape shape{kSequence, 2, hidden};
  return {.x = as_type(dtype, random_tensor(shape, 1)),
          .bias = as_type(dtype, random_tensor({hidden}, 2)),
          .residual = as_type(stream, random_tensor(shape, 3, 1.0, 0.5)),
          .gamma = as_type(dtype, random_tensor({hidden}, 4)),
          .beta = as_type(dtype, random_tensor({hidden}, 5))};
}

/// What a call writes.
struct Results {
  Tensor sum;
  Tensor y;
  Tensor mean = filled_tensor({kRows}, NAN);
  Tensor rstd = filled_tensor({kRows}, NAN);

  Results(DType dtype, DType stream, int64_t hidden)
      : sum(filled_tensor({kSequence, 2, hidden}, NAN, stream)),
        y(filled_tensor({kRows, hidden}, NAN, dtype)) {}
};

void run_public(const Context& context, const Operands& in, bool layer_norm, bool with_bias,
                Results& out) {
  add_norm_forward(context,
                   {.dropout = in.dropout,
                    .x_SBH = in.x,
                    .bias_H = with_bias ? in.bias.view() : ConstTensorView(),
                    .residual_SBH = in.residual,
                    .sum_SBH = out.sum},
                   {.gamma_H = in.gamma,
                    .beta_H = layer_norm ? in.beta.view() : ConstTensorView(),
                    .constants = kConstants,
                    .y_TH = out.y,
                    .mean_T = layer_norm ? out.mean.view() : TensorView(),
                    .rstd_T = out.rstd});
}

void run_apart(const Context& context, const Operands& in, bool layer_norm, bool with_bias,
               Results& out) {
  bias_dropout_add_forward(context, in.dropout, in.x,
                           with_bias ? in.bias.view() : ConstTensorView(), in.residual, out.sum);
  if (layer_norm) {
    layer_norm_forward(context, out.sum, in.gamma, in.beta, kConstants, out.y, out.mean, out.rstd);
  } else {
    rms_norm_forward(context, out.sum, in.gamma, kConstants, out.y, out.rstd);
  }
}

template <typename T, typename X>
void play_gpu(const Operands& in, bool layer_norm, bool with_bias, int64_t hidden, Results& out) {
  const DropoutRowKernel<T, X> sum{
      .x_SBH = in.x.view().template data<T>(),
      .bias_H = with_bias ? in.bias.view().template data<T>() : nullptr,
      .residual_SBH = in.residual.view().template data<X>(),
      .y_SBH = out.sum.view().template data<X>(),
      .samples_B = kSamples.data(),
      .microbatch = 2,
      .hidden = hidden,
      .key = in.dropout.key,
      .threshold = in.dropout.threshold,
      .scale = in.dropout.scale};
  const T* gamma = in.gamma.view().template data<T>();
  T* y = out.y.view().template data<T>();
  float* rstd = out.rstd.view().template data<float>();
  if (layer_norm) {
    run_held_rows<T>(
        AddNormRow<T, X, LayerNormForwardRow>{
            .sum = sum,
            .norm = {.x_TH = nullptr,
                     .gamma_H = gamma,
                     .beta_H = in.beta.view().template data<T>(),
                     .y_TH = y,
                     .mean_T = out.mean.view().template data<float>(),
                     .rstd_T = rstd,
                     .hidden = hidden,
                     .constants = kConstants}},
        kRows, hidden);
  } else {
    run_held_rows<T>(AddNormRow<T, X, RmsNormForwardRow>{.sum = sum,
                                                         .norm = {.x_TH = nullptr,
                                                                  .gamma_H = gamma,
                                                                  .y_TH = y,
                                                                  .rstd_T = rstd,
                                                                  .hidden = hidden,
                                                                  .constants = kConstants}},
                     kRows, hidden);
  }
}

template <typename T, typename X, typename Near>
void compare(const Context& context, int64_t hidden, const Near& expect_near) {
  const Operands in = operands(dtype_of<T>, dtype_of<X>, hidden);
  for (const bool layer_norm : {false, true}) {
    for (const bool with_bias : {false, true}) {
      Results apart(dtype_of<T>, dtype_of<X>, hidden);
      Results together(dtype_of<T>, dtype_of<X>, hidden);
      Results gpu(dtype_of<T>, dtype_of<X>, hidden);
      run_apart(context, in, layer_norm, with_bias, apart);
      run_public(context, in, layer_norm, with_bias, together);
      play_gpu<T, X>(in, layer_norm, with_bias, hidden, gpu);
      EXPECT_EQ(to_double(together.sum), to_double(apart.sum));
      EXPECT_EQ(to_double(together.y), to_double(apart.y));
      EXPECT_EQ(to_double(together.rstd), to_double(apart.rstd));
      if (layer_norm) {
        EXPECT_EQ(to_double(together.mean), to_double(apart.mean));
        expect_near("mean", gpu.mean, apart.mean);
      }
      expect_near("sum", gpu.sum, apart.sum);
      expect_near("y", gpu.y, apart.y);
      expect_near("rstd", gpu.rstd, apart.rstd);
    }
  }
}

TYPED_TEST(AddNorm, IsTheSumAndThenItsNorm) {
  for (const int64_t hidden : {24, 77, 1600, 8200}) {
    compare<TypeParam, TypeParam>(this->context_, hidden, this->expect_near);
    compare<TypeParam, float>(this->context_, hidden, this->expect_near);
  }
}

}  // namespace
}  // namespace weft::kernels
