#include "weft/kernels/cross_entropy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reference/cross_entropy.hpp"
#include "support/gradient_check.hpp"
#include "support/kernel_variants.hpp"
#include "support/vectors.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

std::vector<int64_t> some_labels(int64_t tokens, int64_t vocab) {
  std::vector<int64_t> labels;
  for (int64_t t = 0; t < tokens; ++t) labels.push_back((t * 7 + vocab - 1) % vocab);
  return labels;
}

/// Loss, and the gradient that has taken the place of the logits, by the pieces for ranks.
std::vector<Tensor> run_pieces(const KernelVariant& variant, const Tensor& logits,
                               const std::vector<int64_t>& labels, const Tensor& dloss) {
  Stream stream = variant.stream();
  const Context context{stream, {}};
  const int64_t tokens = logits.shape()[0];
  const Tensor labels_T = index_tensor({tokens}, labels);
  Tensor max({tokens}, DType::f32);
  Tensor predicted({tokens}, DType::f32);
  Tensor sum_exp({tokens}, DType::f32);
  std::vector<Tensor> r;
  r.push_back(filled_tensor({tokens}, NAN));
  r.push_back(copy_of(logits));
  cross_entropy_max(context, r[1], max);
  cross_entropy_sums(context, r[1], labels_T, 0, max, predicted, sum_exp);
  cross_entropy_loss(context, predicted, sum_exp, r[0]);
  cross_entropy_backward(context, r[1], labels_T, 0, max, sum_exp, dloss);
  return r;
}

/// The same by the function for one rank.
std::vector<Tensor> run_cross_entropy(const KernelVariant& variant, const Tensor& logits,
                                      const std::vector<int64_t>& labels, const Tensor& dloss) {
  Stream stream = variant.stream();
  const int64_t tokens = logits.shape()[0];
  std::vector<Tensor> r;
  r.push_back(filled_tensor({tokens}, NAN));
  r.push_back(copy_of(logits));
  cross_entropy({stream, {}}, r[1], index_tensor({tokens}, labels), dloss, r[0]);
  return r;
}

TEST(CrossEntropy, MatchesTheReferenceAtOddSizes) {
  for_each_variant([](const KernelVariant& variant) {
    for (const int64_t vocab : {1, 3, 17, 63, 65, 1025, 20001}) {
      for (const int64_t tokens : {1, 3, 17}) {
        if (tokens == 3 && vocab > 10000) continue;  // nothing new, and the slowest
        for (const double scale : {1.0, 40.0}) {
          SCOPED_TRACE(::testing::Message() << tokens << " tokens, vocabulary " << vocab);
          const Tensor logits = variant.random({tokens, vocab}, 1, scale);
          const Tensor dloss = random_tensor({tokens}, 2);
          const auto labels = some_labels(tokens, vocab);
          const std::vector<Tensor> r = run_cross_entropy(variant, logits, labels, dloss);
          expect_tensor_near("loss", r[0], reference::cross_entropy(to_double(logits), labels));
          expect_tensor_near(
              "gradient", r[1],
              reference::cross_entropy_gradient(to_double(logits), labels, to_double(dloss)));
        }
      }
    }
  });
}

TEST(CrossEntropy, ThePiecesGiveTheBitsOfTheWhole) {
  for_each_variant([](const KernelVariant& variant) {
    const Tensor logits = variant.random({5, 1003}, 1, 4.0);
    const Tensor dloss = random_tensor({5}, 2);
    const auto labels = some_labels(5, 1003);
    const std::vector<Tensor> whole = run_cross_entropy(variant, logits, labels, dloss);
    const std::vector<Tensor> pieces = run_pieces(variant, logits, labels, dloss);
    expect_same_bits("loss", pieces[0], whole[0]);
    expect_same_bits("gradient", pieces[1], whole[1]);
  });
}

TEST(CrossEntropy, WithoutTokenWeightsTheLogitsStay) {
  for_each_variant([](const KernelVariant& variant) {
    const Tensor logits = variant.random({5, 77}, 1);
    const auto labels = some_labels(5, 77);
    Stream stream = variant.stream();
    Tensor in_place = copy_of(logits);
    Tensor loss({5}, DType::f32);
    cross_entropy({stream, {}}, in_place, index_tensor({5}, labels), {}, loss);
    expect_same_bits("logits", in_place, logits);
    const auto r = run_cross_entropy(variant, logits, labels, random_tensor({5}, 2));
    expect_same_bits("loss", loss, r[0]);
  });
}

TEST(CrossEntropy, ReferenceAgreesWithCentralDifferences) {
  const auto logits = to_double(random_tensor({4, 9}, 1));
  const auto labels = some_labels(4, 9);
  const auto dloss = to_double(random_tensor({4}, 2));
  check_gradient(
      "logits", [&](const auto& v) { return dot(reference::cross_entropy(v, labels), dloss); },
      logits, reference::cross_entropy_gradient(logits, labels, dloss));
}

TEST(CrossEntropy, TheGradientTakesThePlaceOfTheLogits) {
  const Tensor logits = random_tensor({2, 5}, 3);
  Stream stream;
  const Context context{stream, {}};
  const Tensor labels = index_tensor({2}, {4, 0});
  Tensor in_place = copy_of(logits);
  const void* address = in_place.view().raw();
  Tensor max({2}, DType::f32);
  Tensor predicted({2}, DType::f32);
  Tensor sum_exp({2}, DType::f32);
  cross_entropy_max(context, in_place, max);
  cross_entropy_sums(context, in_place, labels, 0, max, predicted, sum_exp);
  expect_same_bits("logits before backward", in_place, logits);
  cross_entropy_backward(context, in_place, labels, 0, max, sum_exp, filled_tensor({2}, 1.0F));
  EXPECT_EQ(in_place.view().raw(), address);
  for (size_t t = 0; t < 2; ++t) {
    double sum = 0.0;
    for (size_t v = 0; v < 5; ++v) sum += in_place.span<float>()[t * 5 + v];
    EXPECT_NEAR(sum, 0.0, 1e-6) << "the gradient of a row sums to 0";
  }
  EXPECT_LT(in_place.span<float>()[4], 0.0F);
  EXPECT_GT(in_place.span<float>()[0], 0.0F);
}

TEST(CrossEntropy, NonFiniteLogitsGiveANonFiniteLoss) {
  for_each_variant([](const KernelVariant& variant) {
    for (const float bad : {NAN, INFINITY}) {
      for (const size_t place : {0u, 20u, 36u}) {
        Tensor logits = variant.random({1, 37}, 4);
        set_element(logits, place, bad);
        const auto r = run_cross_entropy(variant, logits, {5}, filled_tensor({1}, 1.0F));
        EXPECT_FALSE(std::isfinite(element_of(r[0], 0))) << bad << " at " << place;
      }
    }
  });
}

TEST(CrossEntropy, BitsDependOnNeitherThreadsNorInstructionSet) {
  expect_same_bits_everywhere([](const KernelVariant& variant) {
    return run_cross_entropy(variant, variant.random({37, 1003}, 5), some_labels(37, 1003),
                             random_tensor({37}, 6));
  });
}

// Two ranks hold half of the vocabulary each; what they would all-reduce is combined by hand.
TEST(CrossEntropy, HalvesOfTheVocabularyGiveTheVectorsValues) {
  const nlohmann::json vector = load_vector("vocab_parallel_ce");
  const auto rows = vector.at("logits[3][8]").get<std::vector<std::vector<float>>>();
  const Tensor labels = index_tensor({3}, vector.at("targets").get<std::vector<int64_t>>());
  Stream stream;
  const Context context{stream, {}};
  std::vector<Tensor> logits;
  std::vector<Tensor> predicted;
  std::vector<Tensor> sum_exp;
  Tensor max({3}, DType::f32);
  std::ranges::fill(max.span<float>(), -INFINITY);
  for (size_t rank = 0; rank < 2; ++rank) {
    logits.emplace_back(Shape{3, 4}, DType::f32);
    for (size_t t = 0; t < 3; ++t) {
      std::copy_n(rows[t].begin() + static_cast<int64_t>(rank * 4), 4,
                  logits[rank].span<float>().subspan(t * 4).begin());
    }
    Tensor own({3}, DType::f32);
    cross_entropy_max(context, logits[rank], own);
    for (size_t t = 0; t < 3; ++t) {
      max.span<float>()[t] = std::max(max.span<float>()[t], own.span<float>()[t]);
    }
  }
  const Tolerance tolerance = tolerance_of(DType::f32);
  expect_tensor_near("max", max, vector.at("global_max").get<std::vector<double>>(), tolerance);
  for (size_t rank = 0; rank < 2; ++rank) {
    predicted.emplace_back(Shape{3}, DType::f32);
    sum_exp.emplace_back(Shape{3}, DType::f32);
    cross_entropy_sums(context, logits[rank], labels, static_cast<int64_t>(rank) * 4, max,
                       predicted[rank], sum_exp[rank]);
    expect_tensor_near("predicted", predicted[rank],
                       vector.at("predicted_per_rank")[rank].get<std::vector<double>>(), tolerance);
    expect_tensor_near(
        "sum_exp", sum_exp[rank],
        vector.at("sum_exp_per_rank_after_max_subtract")[rank].get<std::vector<double>>(),
        tolerance);
  }
  for (size_t t = 0; t < 3; ++t) {
    predicted[0].span<float>()[t] += predicted[1].span<float>()[t];
    sum_exp[0].span<float>()[t] += sum_exp[1].span<float>()[t];
  }
  Tensor loss({3}, DType::f32);
  cross_entropy_loss(context, predicted[0], sum_exp[0], loss);
  expect_tensor_near("loss", loss, vector.at("loss").get<std::vector<double>>(), tolerance);
  for (size_t rank = 0; rank < 2; ++rank) {
    cross_entropy_backward(context, logits[rank], labels, static_cast<int64_t>(rank) * 4, max,
                           sum_exp[0], filled_tensor({3}, 1.0F));
    expect_tensor_near("gradient", logits[rank],
                       vector.at("grad_logits_per_rank[3][4]")[rank].get<std::vector<double>>(),
                       tolerance);
  }
}

}  // namespace
}  // namespace weft::kernels
