#include "weft/kernels/attention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "reference/attention.hpp"
#include "support/gradient_check.hpp"
#include "support/kernel_variants.hpp"
#include "weft/kernels/dropout_math.hpp"

namespace weft::kernels {
namespace {

using reference::AttentionSizes;
using namespace weft::testing;  // NOLINT(google-build-using-namespace)

AttentionSpec to_spec(const AttentionSizes& size, DType dtype = DType::f32) {
  return {size.sequence, size.microbatch, size.heads, size.groups, size.head_dim, dtype};
}

/// A form in which attention exists: of one element type, what it is compiled for and what its
/// products multiply.
struct AttentionVariant {
  InstructionSet set = InstructionSet::v3;
  TileProducts products = TileProducts::f32;
};

/// The forms of `dtype` that this processor runs.
std::vector<AttentionVariant> variants_of(DType dtype) {
  std::vector<AttentionVariant> variants;
  for (const InstructionSet set : instruction_sets()) {
    variants.push_back({set, TileProducts::f32});
    if (dtype == DType::bf16 && set == InstructionSet::v4) {
      variants.push_back({set, TileProducts::bf16});
    }
  }
  return variants;
}

std::string to_string(const AttentionVariant& variant) {
  return std::string(name(variant.set)) +
         (variant.products == TileProducts::bf16 ? ", bf16 products" : ", f32 products");
}

/// Global sample indices of up to four microbatch rows.
constexpr std::array<int64_t, 4> kSamples = {7, 3, 4294967299, 0};

Dropout make_dropout(double rate, const AttentionSizes& size) {
  return {rate, 1234, 5, DropoutSite::attention,
          std::span(kSamples).first(static_cast<size_t>(size.microbatch))};
}

/// The documented mask, element by element.
reference::AttentionMask mask_of(const Dropout& dropout, const AttentionSizes& size) {
  return [dropout, size](int64_t b, int64_t head, int64_t query, int64_t key) -> double {
    if (!dropout.active()) return 1.0;
    const int64_t element = (head * size.sequence + query) * size.sequence + key;
    const auto sample = static_cast<uint64_t>(dropout.samples_B[static_cast<size_t>(b)]);
    const uint32_t word = dropout_word(dropout.key, sample, static_cast<uint64_t>(element));
    return dropout_factor(word, dropout.threshold, dropout.scale);
  };
}

struct AttentionResult {
  Tensor out;
  Tensor lse;
  Tensor dqkv;
};

AttentionResult run_attention(const AttentionVariant& variant, const AttentionSizes& size,
                              const Dropout& dropout, const Tensor& qkv, const Tensor& dout) {
  Stream stream({}, variant.set);
  const AttentionPlan plan(stream, to_spec(size, qkv.dtype()), variant.products);
  Buffer workspace(plan.workspace_bytes());
  // What a plan reads it must have written.
  std::fill_n(workspace.data(), workspace.size_bytes(), std::byte{0xFF});
  const Context context{stream, {workspace.data(), workspace.size_bytes()}};
  AttentionResult result{filled_tensor(dout.shape(), NAN, qkv.dtype()),
                         filled_tensor({size.microbatch, size.heads, size.sequence}, NAN),
                         filled_tensor(qkv.shape(), NAN, qkv.dtype())};
  ConstTensorView starts_BS;
  if (!size.starts.empty()) {
    starts_BS = {size.starts.data(), DType::i64, {size.microbatch, size.sequence}};
  }
  plan.forward(context, dropout, qkv, result.out, result.lse, starts_BS);
  plan.backward(context, dropout, dout, qkv, result.out, result.lse, result.dqkv, starts_BS);
  return result;
}

double largest_of(const std::vector<double>& values) {
  double largest = 1.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// The table's row for a result whose largest element is `largest`. `magnitude` is what a rounding
/// error of the scores is multiplied by; `roundings` counts the half units of a 16-bit type, of the
/// largest element, that come in before the result is rounded.
Tolerance tolerance_for(DType dtype, double roundings, double largest, double magnitude) {
  Tolerance tolerance = scaled(tolerance_of(dtype), largest * magnitude);
  tolerance.absolute += roundings * tolerance.relative * largest;
  return tolerance;
}

void expect_matches_reference(DType dtype, const AttentionSizes& size, double rate,
                              double magnitude = 1.0) {
  const Tensor qkv = as_type(
      dtype, random_tensor({size.sequence, size.microbatch, size.qkv_width()}, 1, magnitude));
  const Tensor dout = as_type(
      dtype, random_tensor({size.sequence, size.microbatch, size.heads * size.head_dim}, 2));
  const Dropout dropout = make_dropout(rate, size);
  const auto mask = mask_of(dropout, size);
  const auto forward = reference::attention_forward(size, to_double(qkv), mask);
  const auto dqkv = reference::attention_backward(size, to_double(dout), to_double(qkv), mask);
  // A score's rounding error grows with the score (magnitude^2) and moves the output by its size.
  const double square = magnitude * magnitude;
  for (const AttentionVariant& variant : variants_of(dtype)) {
    SCOPED_TRACE(::testing::Message()
                 << name(dtype) << " on " << to_string(variant) << " S " << size.sequence << " B "
                 << size.microbatch << " N " << size.heads << " G " << size.groups << " D "
                 << size.head_dim << " rate " << rate);
    const bool pairs = variant.products == TileProducts::bf16;
    const AttentionResult result = run_attention(variant, size, dropout, qkv, dout);
    // bf16 products round the probabilities.
    expect_tensor_near("out", result.out, forward.out,
                       tolerance_for(dtype, pairs ? 1.0 : 0.0, largest_of(forward.out), square));
    expect_tensor_near("lse", result.lse, forward.lse, scaled(tolerance_of(DType::f32), square));
    // Gradients start from the rounded output; bf16 products round score gradients too.
    const double roundings = dtype == DType::f32 ? 0.0 : 3.0;
    expect_tensor_near("dqkv", result.dqkv, dqkv,
                       tolerance_for(dtype, roundings, largest_of(dqkv), square));
  }
}

TEST(Attention, MatchesTheReferenceAtOddSizes) {
  for (const DType dtype : element_types()) {
    for (const int64_t sequence : {1, 2, 3, 17, 63, 64, 65, 127, 128, 129, 193}) {
      expect_matches_reference(dtype, {sequence, 2, 2, 2, 8}, 0.0);
      expect_matches_reference(dtype, {sequence, 1, 2, 1, 5}, 0.25);
    }
  }
}

TEST(Attention, MatchesTheReferenceAtEveryKindOfHeadSize) {
  for (const DType dtype : element_types()) {
    for (const int64_t head_dim : {1, 3, 15, 16, 17, 64, 65, 128, 256}) {
      expect_matches_reference(dtype, {70, 1, 2, 1, head_dim}, 0.0);
      expect_matches_reference(dtype, {68, 1, 1, 1, head_dim}, 0.1);
    }
  }
}

TEST(Attention, MatchesTheReferenceWithGroupedQueries) {
  for (const DType dtype : element_types()) {
    expect_matches_reference(dtype, {67, 2, 6, 6, 7}, 0.0);
    expect_matches_reference(dtype, {67, 2, 6, 3, 7}, 0.0);
    expect_matches_reference(dtype, {100, 2, 6, 2, 7}, 0.5);
    expect_matches_reference(dtype, {67, 4, 6, 1, 7}, 0.1);
  }
}

/// The starts of documents that end at the given positions, which differ from sample to sample.
AttentionSizes with_documents(AttentionSizes size, std::vector<int64_t> ends) {
  for (int64_t b = 0; b < size.microbatch; ++b) {
    int64_t start = 0;
    for (int64_t query = 0; query < size.sequence; ++query) {
      size.starts.push_back(start);
      if (std::ranges::find(ends, query - 3 * b) != ends.end()) start = query + 1;
    }
  }
  return size;
}

TEST(Attention, MatchesTheReferenceWithDocuments) {
  for (const DType dtype : element_types()) {
    expect_matches_reference(dtype, with_documents({1, 1, 1, 1, 8}, {0}), 0.0);
    expect_matches_reference(dtype, with_documents({17, 2, 2, 2, 5}, {0, 1, 7}), 0.25);
    expect_matches_reference(dtype, with_documents({193, 2, 2, 1, 8}, {10, 62, 63, 130}), 0.1);
    expect_matches_reference(dtype, with_documents({330, 2, 2, 2, 16}, {127, 191, 255}), 0.0);
    expect_matches_reference(dtype, with_documents({330, 1, 1, 1, 8}, {126, 128, 257, 300}), 0.0);
    // Every query is a document of its own.
    std::vector<int64_t> all(140);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    expect_matches_reference(dtype, with_documents({140, 1, 2, 2, 8}, all), 0.0);
    expect_matches_reference(dtype, with_documents({150, 1, 2, 2, 16}, {20, 140}), 0.0, 10.0);
  }
}

TEST(Attention, OneDocumentHasTheBitsOfNone) {
  const AttentionSizes plain{150, 2, 2, 1, 24};
  const AttentionSizes one = with_documents(plain, {});
  const Tensor qkv = random_tensor({plain.sequence, plain.microbatch, plain.qkv_width()}, 5);
  const Tensor dout = random_tensor({plain.sequence, plain.microbatch, 48}, 6);
  for (const DType dtype : element_types()) {
    for (const AttentionVariant& variant : variants_of(dtype)) {
      const auto run = [&](const AttentionSizes& size) {
        return run_attention(variant, size, make_dropout(0.1, size), as_type(dtype, qkv),
                             as_type(dtype, dout));
      };
      const AttentionResult expected = run(plain);
      const AttentionResult result = run(one);
      expect_same_bits("out", result.out, expected.out);
      expect_same_bits("lse", result.lse, expected.lse);
      expect_same_bits("dqkv", result.dqkv, expected.dqkv);
    }
  }
}

TEST(Attention, ADocumentDependsOnNothingBeforeIt) {
  constexpr int64_t kFirst = 71;  // of the second document
  const AttentionSizes size = with_documents({150, 1, 2, 1, 24}, {kFirst - 1});
  const Tensor qkv = random_tensor({150, 1, size.qkv_width()}, 5);
  const Tensor dout = random_tensor({150, 1, 48}, 6);
  Tensor other = copy_of(qkv);
  const auto width = static_cast<size_t>(size.qkv_width());
  for (float& value : other.span<float>().first(kFirst * width)) value = 5.0F - 3.0F * value;
  for (const DType dtype : element_types()) {
    for (const AttentionVariant& variant : variants_of(dtype)) {
      const auto run = [&](const Tensor& x) {
        return run_attention(variant, size, make_dropout(0.1, size), as_type(dtype, x),
                             as_type(dtype, dout));
      };
      const AttentionResult a = run(qkv);
      const AttentionResult b = run(other);
      const auto expect_same_rows = [](const Tensor& x, const Tensor& y) {
        const size_t row = x.view().size_bytes() / 150;
        const auto* left = static_cast<const std::byte*>(x.view().raw());
        const auto* right = static_cast<const std::byte*>(y.view().raw());
        EXPECT_NE(std::memcmp(left, right, kFirst * row), 0);
        EXPECT_EQ(std::memcmp(left + kFirst * row, right + kFirst * row, (150 - kFirst) * row), 0);
      };
      expect_same_rows(a.out, b.out);
      expect_same_rows(a.dqkv, b.dqkv);
    }
  }
}

TEST(Attention, SurvivesLargeScores) {
  // Scores of several hundred: exponentials overflow unless the maximum is subtracted.
  for (const DType dtype : element_types()) {
    expect_matches_reference(dtype, {101, 1, 2, 2, 16}, 0.0, 10.0);
  }
}

TEST(AttentionSlow, MatchesTheReferenceAtEveryHeadSize) {
  for (int64_t head_dim = 1; head_dim <= 256; ++head_dim) {
    for (const DType dtype : element_types()) {
      expect_matches_reference(dtype, {9, 1, 2, 1, head_dim}, 0.1);
    }
  }
}

TEST(AttentionSlow, MatchesTheReferenceAt1025) {
  for (const DType dtype : element_types()) {
    expect_matches_reference(dtype, {1025, 1, 2, 1, 16}, 0.1);
  }
}

TEST(Attention, ReferenceAgreesWithCentralDifferences) {
  const AttentionSizes size{9, 2, 4, 2, 3};
  const std::vector<double> qkv =
      to_double(random_tensor({size.sequence, size.microbatch, size.qkv_width()}, 3));
  const std::vector<double> dout =
      to_double(random_tensor({size.sequence, size.microbatch, size.heads * size.head_dim}, 4));
  for (const double rate : {0.0, 0.3}) {
    const auto mask = mask_of(make_dropout(rate, size), size);
    const auto loss = [&](const std::vector<double>& x) {
      return dot(reference::attention_forward(size, x, mask).out, dout);
    };
    check_gradient("dqkv", loss, qkv, reference::attention_backward(size, dout, qkv, mask));
  }
}

void expect_bits_depend_on_sizes_alone(const AttentionSizes& size) {
  const Tensor qkv = random_tensor({size.sequence, size.microbatch, size.qkv_width()}, 5);
  const Tensor dout =
      random_tensor({size.sequence, size.microbatch, size.heads * size.head_dim}, 6);
  const Dropout dropout = make_dropout(0.1, size);
  const auto run = [&](DType dtype, const AttentionVariant& variant) {
    AttentionResult result =
        run_attention(variant, size, dropout, as_type(dtype, qkv), as_type(dtype, dout));
    std::vector<Tensor> tensors;
    tensors.push_back(std::move(result.out));
    tensors.push_back(std::move(result.lse));
    tensors.push_back(std::move(result.dqkv));
    return tensors;
  };
  expect_same_bits_everywhere([&](const KernelVariant& variant) {
    return run(variant.dtype, {variant.set, TileProducts::f32});
  });
  if (best_instruction_set() == InstructionSet::v3) GTEST_SKIP() << "bf16 products need v4";
  expect_same_for_thread_counts([&] {
    return run(DType::bf16, {InstructionSet::v4, TileProducts::bf16});
  });
}

TEST(Attention, BitsDoNotDependOnThreadsOrInstructionSet) {
  expect_bits_depend_on_sizes_alone({150, 3, 4, 2, 24});
}

TEST(Attention, BitsOfDocumentsDoNotDependOnThreadsOrInstructionSet) {
  expect_bits_depend_on_sizes_alone(with_documents({150, 3, 4, 2, 24}, {5, 70, 131}));
}

TEST(Attention, ASampleDoesNotDependOnItsNeighbours) {
  const AttentionSizes two{40, 2, 2, 2, 8};
  const AttentionSizes one{40, 1, 2, 2, 8};
  const Tensor qkv = random_tensor({40, 2, two.qkv_width()}, 7);
  Tensor qkv_of_second({40, 1, one.qkv_width()}, DType::f32);
  for (int64_t s = 0; s < 40; ++s) {
    const auto width = static_cast<size_t>(one.qkv_width());
    const auto from = qkv.span<float>().subspan(static_cast<size_t>(2 * s + 1) * width, width);
    std::copy(from.begin(), from.end(),
              qkv_of_second.span<float>().subspan(static_cast<size_t>(s) * width).begin());
  }
  const Tensor dout = random_tensor({40, 2, 16}, 8);
  const Tensor dout_one = random_tensor({40, 1, 16}, 9);
  const AttentionResult both = run_attention({}, two, make_dropout(0.2, two), qkv, dout);
  const Dropout second(0.2, 1234, 5, DropoutSite::attention, std::span(kSamples).subspan(1, 1));
  const AttentionResult alone = run_attention({}, one, second, qkv_of_second, dout_one);
  for (size_t s = 0; s < 40; ++s) {
    for (size_t d = 0; d < 16; ++d) {
      ASSERT_EQ(both.out.span<float>()[(2 * s + 1) * 16 + d], alone.out.span<float>()[s * 16 + d]);
    }
  }
}

TEST(Attention, RefusesImpossibleSizes) {
  Stream stream;
  EXPECT_THROW(AttentionPlan(stream, {0, 1, 1, 1, 8}), Error);
  EXPECT_THROW(AttentionPlan(stream, {4, 1, 3, 2, 8}), Error);
  EXPECT_THROW(AttentionPlan(stream, {4, 1, 1, 1, 257}), Error);
  EXPECT_THROW(AttentionPlan(stream, {4, 1, 1, 1, 8, DType::i32}), Error);
}

TEST(Attention, RefusesProductsThatItsSetOrTypeLacks) {
  const Stream v3({}, InstructionSet::v3);
  const Stream v4({}, InstructionSet::v4);
  const AttentionSizes size{4, 1, 1, 1, 8};
  EXPECT_THROW(AttentionPlan(v3, to_spec(size, DType::bf16), TileProducts::bf16), Error);
  EXPECT_THROW(AttentionPlan(v4, to_spec(size, DType::f16), TileProducts::bf16), Error);
  EXPECT_EQ(fastest_products(v3, DType::bf16), TileProducts::f32);
  EXPECT_EQ(fastest_products(v4, DType::f32), TileProducts::f32);
}

TEST(Attention, RefusesStartsThatFallOrLieAhead) {
  AttentionSizes size{4, 1, 1, 1, 8};
  const Tensor qkv = random_tensor({4, 1, 24}, 1);
  const Tensor dout = random_tensor({4, 1, 8}, 2);
  const std::vector<std::vector<int64_t>> wrong = {
      {1, 1, 1, 1}, {0, 0, 3, 3}, {0, 1, 0, 0}, {-1, 0, 0, 0}};
  for (const std::vector<int64_t>& starts : wrong) {
    size.starts = starts;
    EXPECT_THROW(run_attention({}, size, {}, qkv, dout), Error);
  }
}

TEST(Attention, RefusesASmallWorkspaceAndAcceptsALargerOne) {
  const AttentionSizes size{8, 1, 1, 1, 8};
  Stream stream;
  const AttentionPlan plan(stream, to_spec(size));
  Tensor qkv({8, 1, 24}, DType::f32);
  Tensor out({8, 1, 8}, DType::f32);
  Tensor lse({1, 1, 8}, DType::f32);
  Buffer large(plan.workspace_bytes() + 1000);
  EXPECT_NO_THROW(plan.forward({stream, {large.data(), large.size_bytes()}}, {}, qkv, out, lse));
  EXPECT_THROW(
      plan.forward({stream, {large.data(), plan.workspace_bytes() - 1}}, {}, qkv, out, lse), Error);
}

}  // namespace
}  // namespace weft::kernels
