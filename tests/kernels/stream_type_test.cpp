// Kernels whose residual stream is of f32 beside 16-bit elements (--fp32-residual-connection): what
// they compute is what they compute in f32, rounded where the elements are.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "support/kernel_variants.hpp"
#include "weft/base/error.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/embedding.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr Shape kRows{37, 301};
constexpr Shape kRowsSBH{37, 1, 301};
constexpr NormConstants kConstants{.epsilon = 1e-5F, .gamma_offset = 0.5F};
constexpr std::array<int64_t, 1> kSample = {5};

/// Calls body(stream, dtype) for both 16-bit types on every instruction set.
template <typename Body>
void for_each_16_bit_type(const Body& body) {
  for_each_variant([&](const KernelVariant& variant) {
    if (variant.dtype == DType::f32) return;
    Stream stream = variant.stream();
    body(stream, variant.dtype);
  });
}

Tensor rounded(DType dtype, uint32_t seed, Shape shape = kRows) {
  return as_type(dtype, random_tensor(shape, seed));
}

TEST(StreamType, NormsReadAndWriteAnF32Stream) {
  for_each_16_bit_type([](Stream& stream, DType dtype) {
    Buffer workspace(layer_norm_backward_weight_workspace(37, 301));
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    const Tensor x = random_tensor(kRows, 1);
    const Tensor gamma = rounded(dtype, 2, {301});
    const Tensor beta = rounded(dtype, 3, {301});
    const Tensor dy = rounded(dtype, 4);
    for (const bool rms : {false, true}) {
      // The same norm with all its tensors in `type`, except the stream.
      const auto run = [&](DType type) {
        std::vector<Tensor> r;
        r.emplace_back(kRows, type);             // y
        r.emplace_back(Shape{37}, DType::f32);   // mean
        r.emplace_back(Shape{37}, DType::f32);   // rstd
        r.push_back(random_tensor(kRows, 5));    // dx
        r.emplace_back(Shape{301}, DType::f32);  // dgamma
        r.emplace_back(Shape{301}, DType::f32);  // dbeta
        const Tensor g = as_type(type, gamma);
        const Tensor b = as_type(type, beta);
        const Tensor d = as_type(type, dy);
        for (size_t i : {1U, 4U, 5U}) std::ranges::fill(r[i].span<float>(), 0.0F);
        if (rms) {
          rms_norm_forward(context, x, g, kConstants, r[0], r[2]);
          rms_norm_backward_input(context, d, x, g, kConstants, r[2], true, r[3]);
          rms_norm_backward_weight(context, d, x, r[2], r[4]);
        } else {
          layer_norm_forward(context, x, g, b, kConstants, r[0], r[1], r[2]);
          layer_norm_backward_input(context, d, x, g, kConstants, r[1], r[2], true, r[3]);
          layer_norm_backward_weight(context, d, x, r[1], r[2], r[4], r[5]);
        }
        return r;
      };
      std::vector<Tensor> expected = run(DType::f32);
      expected[0] = as_type(dtype, expected[0]);
      const std::vector<Tensor> result = run(dtype);
      for (size_t i = 0; i < result.size(); ++i) {
        expect_same_bits("result " + std::to_string(i), result[i], expected[i]);
      }
    }
  });
}

TEST(StreamType, BranchesJoinAnF32StreamAndItsGradientEntersThem) {
  for_each_16_bit_type([](Stream& stream, DType dtype) {
    const Context context{stream, {}};
    const Tensor x = rounded(dtype, 1, kRowsSBH);
    const Tensor bias = rounded(dtype, 2, {301});
    const Tensor residual = random_tensor(kRowsSBH, 3);
    for (const double rate : {0.0, 0.3}) {
      const Dropout dropout(rate, 7, 1, DropoutSite::mlp_output, kSample);
      for (const bool with_bias : {false, true}) {
        const auto run = [&](DType type) {
          Tensor y(kRowsSBH, DType::f32);
          const Tensor in = as_type(type, x);
          const Tensor b = as_type(type, bias);
          bias_dropout_add_forward(context, dropout, in,
                                   with_bias ? ConstTensorView(b) : ConstTensorView(), residual, y);
          return y;
        };
        expect_same_bits("sum", run(dtype), run(DType::f32));
      }
      Tensor branch(kRowsSBH, dtype);
      Tensor exact(kRowsSBH, DType::f32);
      dropout_backward(context, dropout, residual, branch);
      dropout_backward(context, dropout, residual, exact);
      expect_same_bits("branch gradient", branch, as_type(dtype, exact));
    }
  });
}

TEST(StreamType, EmbeddingsStartAnF32Stream) {
  for_each_16_bit_type([](Stream& stream, DType dtype) {
    const Context context{stream, {}};
    const Tensor words = rounded(dtype, 1, {11, 301});
    const Tensor places = rounded(dtype, 2, {37, 301});
    Tensor tokens({1, 37}, DType::i64);
    Tensor positions({1, 37}, DType::i64);
    for (int64_t s = 0; s < 37; ++s) {
      tokens.span<int64_t>()[static_cast<size_t>(s)] = 5 * s % 11;
      positions.span<int64_t>()[static_cast<size_t>(s)] = s;
    }
    for (const bool with_places : {false, true}) {
      const auto run = [&](DType type) {
        Tensor out(kRowsSBH, DType::f32);
        const Tensor w = as_type(type, words);
        const Tensor p = as_type(type, places);
        embedding_forward(context, w, with_places ? ConstTensorView(p) : ConstTensorView(), tokens,
                          positions, out);
        return out;
      };
      expect_same_bits("embedded", run(dtype), run(DType::f32));
    }
  });
}

TEST(StreamType, A16BitStreamIsOfTheElementsType) {
  Stream stream;
  const Context context{stream, {}};
  Tensor half({2, 1, 3}, DType::f16);
  Tensor brain({2, 1, 3}, DType::bf16);
  Tensor exact({2, 1, 3}, DType::f32);
  EXPECT_THROW(bias_dropout_add_forward(context, {}, half, {}, brain, brain), Error);
  EXPECT_THROW(bias_dropout_add_forward(context, {}, half, {}, exact, half), Error);
  EXPECT_THROW(bias_dropout_add_forward(context, {}, exact, {}, half, half), Error);
  EXPECT_THROW(dropout_forward(context, {}, half, exact), Error);
}

}  // namespace
}  // namespace weft::kernels
