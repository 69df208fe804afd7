// As gpu_kernels_test.cpp: sums over rows, over tensors and over tokens.
#include <gtest/gtest.h>

#include <vector>

#include "support/gpu_kernels.hpp"
#include "weft/kernels/block_sums.hpp"
#include "weft/kernels/column_kernels.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
using GpuColumnSums = GpuKernels<T>;
TYPED_TEST_SUITE(GpuColumnSums, GpuElements);

constexpr int64_t kTokens = 650;  // ten chunks and a part of one: more than slices

/// Adds the sums of `term` to `ys`, in packs of 16 bytes or one column at a time.
template <typename Term>
void add_column_sums(const Term& term, int64_t columns, const std::vector<float*>& ys) {
  constexpr int64_t kSums = Term::kSums;
  std::vector<float> partials(static_cast<size_t>(11 * kSums * columns));
  const ColumnChunks<Term> chunks{
      .term = term, .partials = partials.data(), .rows = kTokens, .columns = columns};
  ASSERT_EQ(chunks.num_chunks(), 11);
  const bool packs = columns % Term::kPack == 0;
  for (int64_t chunk = 0; chunk < 11; ++chunk) {
    for (int64_t first = 0; first < columns; first += packs ? Term::kPack : 1) {
      if (packs) {
        chunks.template pack<Term::kPack>(chunk, first);
      } else {
        chunks.template pack<1>(chunk, first);
      }
    }
  }
  for (size_t sum = 0; sum < ys.size(); ++sum) {
    const ColumnFold fold{.partials = partials.data() + static_cast<int64_t>(sum) * columns,
                          .y = ys[sum],
                          .chunks = 11,
                          .columns = columns,
                          .stride = kSums * columns};
    for (int64_t column = 0; column < columns; ++column) {
      float slices[ColumnFold::kSlices];
      for (int slice = 0; slice < ColumnFold::kSlices; ++slice) {
        slices[slice] = fold.slice(column, slice);
      }
      fold.add(column, slices);
    }
  }
}

/// Compares the gradients of weights and biases with the processor's; X is the residual stream.
template <typename T, typename X>
void compare_column_sums(const Context& context, int64_t hidden) {
  const Tensor x = as_type(dtype_of<X>, random_tensor({kTokens, hidden}, 1));
  const Tensor dy = as_type(dtype_of<T>, random_tensor({kTokens, hidden}, 2));
  const Tensor mean = random_tensor({kTokens}, 3, 0.1);
  const Tensor rstd = random_tensor({kTokens}, 4, 0.2, 1.0);
  Tensor cpu[4];
  Tensor gpu[4];
  float* ys[4];
  for (uint32_t i = 0; i < 4; ++i) {
    cpu[i] = random_tensor({hidden}, 5 + i);
    gpu[i] = copy_of(cpu[i]);
    ys[i] = gpu[i].view().data<float>();
  }
  layer_norm_backward_weight(context, dy, x, mean, rstd, cpu[0], cpu[1]);
  rms_norm_backward_weight(context, dy, x, rstd, cpu[2]);
  column_sum(context, dy, cpu[3]);
  const T* dy_data = dy.view().template data<T>();
  const X* x_data = x.view().template data<X>();
  const float* means = mean.view().data<float>();
  const float* rstds = rstd.view().data<float>();
  add_column_sums(LayerNormWeightTerm<T, X>{dy_data, x_data, means, rstds}, hidden, {ys[0], ys[1]});
  add_column_sums(RmsNormWeightTerm<T, X>{dy_data, x_data, rstds}, hidden, {ys[2]});
  add_column_sums(ColumnTerm<T>{dy_data}, hidden, {ys[3]});
  const char* names[] = {"layer norm dgamma", "dbeta", "rms norm dgamma", "bias"};
  for (size_t i = 0; i < 4; ++i) {
    expect_tensor_near(names[i], gpu[i], to_double(cpu[i]), {2e-4, 1e-5});
  }
}

TYPED_TEST(GpuColumnSums, AreTheProcessors) {
  for (const int64_t hidden : {37, 48}) {
    compare_column_sums<TypeParam, TypeParam>(this->context_, hidden);
    compare_column_sums<TypeParam, float>(this->context_, hidden);
  }
}

/// The sum of Term over x, as two kernels take it.
template <typename Term>
typename Term::Value block_sum(const Tensor& x) {
  using Value = typename Term::Value;
  const int64_t size = x.shape().num_elements();
  std::vector<Value> partials(static_cast<size_t>((size + 1023) / 1024));
  const BlockSums<Term> sums{x.view().data<float>(), partials.data(), size};
  EXPECT_EQ(sums.num_blocks(), static_cast<int64_t>(partials.size()));
  const auto add = [](Value a, Value b) { return a + b; };
  for (int64_t block = 0; block < sums.num_blocks(); ++block) {
    std::vector<Value> lanes;
    for (int64_t lane = 0; lane < 32; ++lane) {
      lanes.push_back(block % 2 == 0 ? sums.template lane<4>(block, lane)
                                     : sums.template lane<1>(block, lane));
    }
    partials[static_cast<size_t>(block)] = fold_lanes_of_warp(lanes.data(), add);
  }
  std::vector<Value> of_threads;
  for (int64_t thread = 0; thread < 1024; ++thread) of_threads.push_back(sums.share(thread, 1024));
  return fold_threads(of_threads, Value{0}, add);
}

/// The same, as one kernel takes it.
template <typename Term>
typename Term::Value small_sum(const Tensor& x) {
  using Value = typename Term::Value;
  const BlockSums<Term> sums{x.view().data<float>(), nullptr, x.shape().num_elements()};
  std::vector<Value> of_threads;
  for (int64_t thread = 0; thread < 1024; ++thread) {
    of_threads.push_back(sums.template whole<4>(thread, 1024));
  }
  return fold_threads(of_threads, Value{0}, [](Value a, Value b) { return a + b; });
}

TEST(GpuSums, OfSquaresAndZerosAreTheProcessors) {
  Stream stream;
  const Context context{stream, {}};
  for (const int64_t size : {1, 15, 1024, 1027, 70000}) {
    Tensor x = random_tensor({size}, 1);
    for (size_t i = 0; i < static_cast<size_t>(size); i += 7) set_element(x, i, 0.0F);
    const double squares = sum_of_squares(context, x);
    EXPECT_NEAR(block_sum<SquareOf>(x), squares, 1e-14 * squares) << size;
    EXPECT_NEAR(small_sum<SquareOf>(x), squares, 1e-14 * squares) << size;
    EXPECT_EQ(block_sum<ZeroOf>(x), count_zeros(context, x)) << size;
    EXPECT_EQ(small_sum<ZeroOf>(x), count_zeros(context, x)) << size;
  }
}

TEST(GpuSums, MaskedSumLeavesOutWhatIsMasked) {
  constexpr int64_t kSize = 3001;
  Stream stream;
  Tensor x = random_tensor({kSize}, 1);
  Tensor mask = random_tensor({kSize}, 2, 1.0, 1.0);
  set_element(x, 5, NAN);
  set_element(mask, 5, 0.0F);
  Tensor cpu({1}, DType::f64);
  cpu.span<double>()[0] = 3.0;
  masked_sum({stream, {}}, x, mask, cpu);
  const MaskedSum masked{x.view().data<float>(), mask.view().data<float>(), nullptr, kSize};
  double gpu = 3.0;
  for (int64_t thread = 0; thread < 1024; ++thread) gpu += masked.share(thread, 1024);
  EXPECT_NEAR(gpu, cpu.span<double>()[0], 1e-10);
}

TYPED_TEST(GpuColumnSums, ElementsThatAreNotFiniteAreFound) {
  using T = TypeParam;
  constexpr int64_t kSize = 77;
  for (const float value : {1.0F, INFINITY, -INFINITY, NAN}) {
    for (const size_t at : {0U, 20U, 76U}) {
      Tensor x = this->random({kSize}, 1);
      set_element(x, at, value);
      int32_t found = 0;
      run_elements<kPackOf<T>>(NotFinite<T>{this->data(x), &found}, kSize);
      EXPECT_EQ(found == 0, all_finite(this->context_, x)) << value << " at " << at;
    }
  }
}

}  // namespace
}  // namespace weft::kernels
