// As gpu_kernels_test.cpp: the embedding, and kernels whose residual stream is of f32.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "support/gpu_kernels.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/dropout_kernel.hpp"
#include "weft/kernels/embedding.hpp"
#include "weft/kernels/embedding_kernels.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/norm_kernels.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
using GpuEmbedding = GpuKernels<T>;
TYPED_TEST_SUITE(GpuEmbedding, GpuElements);

template <typename T>
using GpuF32Stream = GpuKernels<T>;
using ShortElements = ::testing::Types<BFloat16, Float16>;
TYPED_TEST_SUITE(GpuF32Stream, ShortElements);

constexpr int64_t kSequence = 7;
constexpr int64_t kMicrobatch = 3;
constexpr int64_t kWords = 11;

Tensor ids(int64_t factor, int64_t rows) {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < kSequence * kMicrobatch; ++i) values.push_back(factor * i * i % rows);
  return index_tensor({kMicrobatch, kSequence}, values);
}

template <typename T, typename X>
void compare_embedding(const Context& context, int64_t hidden) {
  const Shape shape{kSequence, kMicrobatch, hidden};
  const Tensor words = as_type(dtype_of<T>, random_tensor({kWords, hidden}, 1));
  const Tensor places = as_type(dtype_of<T>, random_tensor({kSequence, hidden}, 2));
  const Tensor tokens = ids(1, kWords);
  const Tensor positions = ids(3, kSequence);
  for (const bool with_position : {false, true}) {
    Tensor out[2] = {Tensor(shape, dtype_of<X>), Tensor(shape, dtype_of<X>)};
    embedding_forward(context, words, with_position ? places.view() : ConstTensorView(), tokens,
                      positions, out[0]);
    const EmbeddingForwardRow<T, X> kernel{
        .word_VH = words.view().template data<T>(),
        .position_PH = with_position ? places.view().template data<T>() : nullptr,
        .tokens_BS = tokens.view().data<int64_t>(),
        .positions_BS = positions.view().data<int64_t>(),
        .out_SBH = out[1].view().template data<X>(),
        .sequence = kSequence,
        .microbatch = kMicrobatch,
        .hidden = hidden};
    run_rows<T>(kernel, kSequence * kMicrobatch, hidden);
    EXPECT_EQ(to_double(out[1]), to_double(out[0]));
  }
}

TYPED_TEST(GpuEmbedding, ForwardHasTheProcessorsBits) {
  for (const int64_t hidden : {17, 64}) {
    compare_embedding<TypeParam, TypeParam>(this->context_, hidden);
    compare_embedding<TypeParam, float>(this->context_, hidden);
  }
}

/// Sorts the tokens with threads in an order that a GPU might take.
void sort_tokens(const TokenSort& sort, int64_t threads) {
  for (int64_t t = 0; t < sort.tokens; ++t) sort.count(t);
  std::vector<int32_t> before{0};
  for (int64_t i = 0; i < threads; ++i) before.push_back(before.back() + sort.total(i, threads));
  EXPECT_EQ(before.back(), sort.tokens);
  for (int64_t i = threads - 1; i >= 0; --i) {
    sort.place_rows(i, threads, before[static_cast<size_t>(i)]);
  }
  for (int64_t t = sort.tokens - 1; t >= 0; --t) sort.place(t);
  for (int64_t t = 0; t < sort.tokens; ++t) sort.rank(t);
}

TYPED_TEST(GpuEmbedding, BackwardAddsTheTokensOfEveryRow) {
  using T = TypeParam;
  constexpr int64_t kTokens = kSequence * kMicrobatch;
  for (const int64_t hidden : {17, 64}) {
    for (const int64_t rows : {int64_t{1}, kWords, int64_t{5000}}) {
      const Tensor dout = this->random({kSequence, kMicrobatch, hidden}, 1);
      const Tensor tokens = ids(237, rows);
      Tensor table[2] = {random_tensor({rows, hidden}, 2), random_tensor({rows, hidden}, 2)};
      embedding_backward(this->context_, dout, tokens, table[0]);
      std::vector<int32_t> ends(static_cast<size_t>(rows));
      std::vector<int32_t> unsorted(kTokens);
      std::vector<int32_t> sorted(kTokens);
      const TokenSort sort{.ids_BS = tokens.view().template data<int64_t>(),
                           .ends_R = ends.data(),
                           .unsorted_T = unsorted.data(),
                           .sorted_T = sorted.data(),
                           .tokens = kTokens,
                           .rows = rows};
      sort_tokens(sort, 64);
      run_rows<T>(EmbeddingGradientRow<T>{.sort = sort,
                                          .dout_SBH = this->data(dout),
                                          .dtable_RH = this->floats(table[1]),
                                          .sequence = kSequence,
                                          .microbatch = kMicrobatch,
                                          .hidden = hidden},
                  kTokens, hidden);
      expect_tensor_near("table", table[1], to_double(table[0]), {1e-5, 1e-6});
    }
  }
}

TYPED_TEST(GpuF32Stream, NormsReadAndWriteIt) {
  using T = TypeParam;
  for (const int64_t hidden : {77, 1600}) {
    const Shape shape{3, hidden};
    const Tensor x = random_tensor(shape, 1, 1.0, 0.5);
    const Tensor dy = this->random(shape, 2);
    const Tensor gamma = this->random({hidden}, 3);
    const Tensor beta = this->random({hidden}, 4);
    Tensor y[2] = {this->unwritten(shape), this->unwritten(shape)};
    Tensor mean[2] = {filled_tensor({3}, NAN), filled_tensor({3}, NAN)};
    Tensor rstd[2] = {filled_tensor({3}, NAN), filled_tensor({3}, NAN)};
    Tensor dx[2] = {random_tensor(shape, 5), random_tensor(shape, 5)};
    layer_norm_forward(this->context_, x, gamma, beta, kConstants, y[0], mean[0], rstd[0]);
    layer_norm_backward_input(this->context_, dy, x, gamma, kConstants, mean[0], rstd[0], true,
                              dx[0]);
    run_held_rows<T>(
        LayerNormForwardRow<T, float>{this->floats(x), this->data(gamma), this->data(beta),
                                      this->data(y[1]), this->floats(mean[1]),
                                      this->floats(rstd[1]), hidden, kConstants},
        3, hidden);
    run_held_rows<T>(LayerNormInputGradientRow<T, float>{this->data(dy), this->floats(x),
                                                         this->data(gamma), this->floats(mean[1]),
                                                         this->floats(rstd[1]), this->floats(dx[1]),
                                                         hidden, kConstants.gamma_offset, true},
                     3, hidden);
    this->expect_near("layer norm y", y[1], y[0]);
    this->expect_near("layer norm dx", dx[1], dx[0]);
    rms_norm_forward(this->context_, x, gamma, kConstants, y[0], rstd[0]);
    rms_norm_backward_input(this->context_, dy, x, gamma, kConstants, rstd[0], false, dx[0]);
    run_held_rows<T>(
        RmsNormForwardRow<T, float>{this->floats(x), this->data(gamma), this->data(y[1]),
                                    this->floats(rstd[1]), hidden, kConstants},
        3, hidden);
    run_held_rows<T>(
        RmsNormInputGradientRow<T, float>{this->data(dy), this->floats(x), this->data(gamma),
                                          this->floats(rstd[1]), this->floats(dx[1]), hidden,
                                          kConstants.gamma_offset, false},
        3, hidden);
    this->expect_near("rms norm y", y[1], y[0]);
    this->expect_near("rms norm dx", dx[1], dx[0]);
  }
}

TYPED_TEST(GpuF32Stream, BranchesJoinItAndItsGradientEntersThem) {
  using T = TypeParam;
  constexpr std::array<int64_t, 2> kSamples = {9, 5000000000};
  for (const int64_t hidden : {77, 1600}) {
    const Shape shape{4, 2, hidden};
    const Dropout dropout(0.3, 77, 3, DropoutSite::mlp_output, kSamples);
    const Tensor x = this->random(shape, 1);
    const Tensor bias = this->random({hidden}, 2);
    const Tensor residual = random_tensor(shape, 3);
    for (const bool with_bias : {false, true}) {
      Tensor sum[2] = {filled_tensor(shape, NAN), filled_tensor(shape, NAN)};
      bias_dropout_add_forward(this->context_, dropout, x,
                               with_bias ? bias.view() : ConstTensorView(), residual, sum[0]);
      run_rows<T>(
          DropoutRowKernel<T, float>{this->data(x), with_bias ? this->data(bias) : nullptr,
                                     this->floats(residual), this->floats(sum[1]), kSamples.data(),
                                     2, hidden, dropout.key, dropout.threshold, dropout.scale},
          8, hidden);
      this->expect_near("sum", sum[1], sum[0]);
    }
    Tensor branch[2] = {this->unwritten(shape), this->unwritten(shape)};
    dropout_backward(this->context_, dropout, residual, branch[0]);
    run_rows<T>(DropoutRowKernel<float, T>{this->floats(residual), nullptr, nullptr,
                                           this->data(branch[1]), kSamples.data(), 2, hidden,
                                           dropout.key, dropout.threshold, dropout.scale},
                8, hidden);
    EXPECT_EQ(to_double(branch[1]), to_double(branch[0]));
  }
}

}  // namespace
}  // namespace weft::kernels
