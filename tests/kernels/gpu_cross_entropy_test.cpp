// As gpu_kernels_test.cpp: cross entropy.
#include <gtest/gtest.h>

#include "support/gpu_kernels.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/cross_entropy_kernels.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
using GpuCrossEntropy = GpuKernels<T>;
TYPED_TEST_SUITE(GpuCrossEntropy, GpuElements);

TYPED_TEST(GpuCrossEntropy, CrossEntropy) {
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

TYPED_TEST(GpuCrossEntropy, CrossEntropyMaxIsNanWhenALogitIs) {
  using T = TypeParam;
  for (const int64_t vocab : {77, 1024}) {
    Tensor logits = this->random({1, vocab}, 1);
    set_element(logits, 40, NAN);
    Tensor max = filled_tensor({1}, 0.0F);
    run_rows<T>(CrossEntropyMaxRow<T>{this->data(logits), this->floats(max), vocab}, 1, vocab);
    EXPECT_TRUE(std::isnan(max.span<float>()[0])) << vocab;
  }
}

TYPED_TEST(GpuCrossEntropy, WholeVocabularyTakesOnePassForTheLoss) {
  using T = TypeParam;
  constexpr int64_t kRows = 4;
  for (const int64_t vocab : {9, 77, 1024, 5000, 20000}) {
    const Shape shape{kRows, vocab};
    Tensor logits = as_type(dtype_of<T>, random_tensor(shape, 1, 4.0));
    // The last row is masked but for its label: whole threads see nothing but -infinity.
    for (int64_t v = 0; v + 1 < vocab; ++v) {
      set_element(logits, static_cast<size_t>(3 * vocab + v), -INFINITY);
    }
    const Tensor labels = index_tensor({kRows}, {0, vocab - 1, vocab / 2, vocab - 1});
    const Tensor dloss = random_tensor({kRows}, 2);
    for (const bool gradient : {false, true}) {
      Tensor cpu = copy_of(logits);
      Tensor gpu = copy_of(logits);
      Tensor loss[2] = {filled_tensor({kRows}, NAN), filled_tensor({kRows}, NAN)};
      cross_entropy(this->context_, cpu, labels, gradient ? dloss.view() : ConstTensorView(),
                    loss[0]);
      const CrossEntropyWholeRow<T> kernel{.logits_TV = this->data(gpu),
                                           .labels_T = labels.view().template data<int64_t>(),
                                           .dloss_T = gradient ? this->floats(dloss) : nullptr,
                                           .loss_T = this->floats(loss[1]),
                                           .vocab = vocab};
      if (vocab < 8192) {
        run_rows<T>(kernel, kRows, vocab);
      } else {
        run_rows<T, 1024>(kernel, kRows, vocab);
      }
      this->expect_near("loss", loss[1], loss[0]);
      this->expect_near("gradient", gpu, cpu);
    }
  }
}

TYPED_TEST(GpuCrossEntropy, OfALogitThatIsNanIsNan) {
  using T = TypeParam;
  Tensor logits = this->random({1, 77}, 1);
  set_element(logits, 40, NAN);
  const Tensor labels = index_tensor({1}, {3});
  Tensor loss = filled_tensor({1}, 0.0F);
  run_rows<T>(CrossEntropyWholeRow<T>{.logits_TV = this->data(logits),
                                      .labels_T = labels.view().template data<int64_t>(),
                                      .dloss_T = nullptr,
                                      .loss_T = this->floats(loss),
                                      .vocab = 77},
              1, 77);
  EXPECT_TRUE(std::isnan(loss.span<float>()[0]));
}

TEST(GpuCrossEntropyLoss, IsTheProcessors) {
  constexpr int64_t kTokens = 11;
  Stream stream;
  const Tensor predicted = random_tensor({kTokens}, 1);
  const Tensor sums = random_tensor({kTokens}, 2, 1.0, 9.0);
  Tensor cpu({kTokens}, DType::f32);
  Tensor gpu({kTokens}, DType::f32);
  cross_entropy_loss({stream, {}}, predicted, sums, cpu);
  run_elements<4>(CrossEntropyLoss{predicted.view().data<float>(), sums.view().data<float>(),
                                   gpu.view().data<float>()},
                  kTokens);
  expect_tensor_near("loss", gpu, to_double(cpu), tolerance_of(DType::f32));
}

}  // namespace
}  // namespace weft::kernels
