#include <gtest/gtest.h>

#include "reference/attention.hpp"
#include "support/kernel_variants.hpp"
#include "weft/kernels/attention.hpp"

namespace weft::kernels {
namespace {

using reference::AttentionSizes;
using namespace weft::testing;  // NOLINT(google-build-using-namespace)

/// Attention over a sequence that arrives in pieces of the given lengths.
Tensor run_in_pieces(const AttentionSizes& size, const Tensor& qkv,
                     const std::vector<int64_t>& pieces,
                     InstructionSet set = best_instruction_set()) {
  Stream stream({}, set);
  const DType dtype = qkv.dtype();
  const auto element_bytes = static_cast<int64_t>(size_of(dtype));
  Tensor keys({size.sequence + 3, size.groups, size.head_dim}, dtype);
  Tensor values(keys.shape(), dtype);
  Tensor out({size.sequence, size.heads * size.head_dim}, dtype);
  int64_t past = 0;
  for (const int64_t piece : pieces) {
    const Shape qkv_shape{piece, size.qkv_width()};
    const Shape out_shape{piece, size.heads * size.head_dim};
    const auto* new_qkv =
        static_cast<const std::byte*>(qkv.view().raw()) + past * size.qkv_width() * element_bytes;
    auto* new_out = static_cast<std::byte*>(out.view().raw()) +
                    past * size.heads * size.head_dim * element_bytes;
    attention_with_cache({stream, {}}, size.heads, size.groups, size.head_dim,
                         {new_qkv, dtype, qkv_shape}, past, {keys, values},
                         {new_out, dtype, out_shape});
    past += piece;
  }
  return out;
}

TEST(AttentionWithCache, EqualsAttentionOverTheWholeSequence) {
  for (const int64_t head_dim : {1, 17, 64, 256}) {
    const AttentionSizes size{70, 1, 4, 2, head_dim};
    for_each_variant([&](const KernelVariant& variant) {
      const Tensor qkv = variant.random({70, size.qkv_width()}, 1);
      const auto expected = reference::attention_forward(size, to_double(qkv), reference::keep_all);
      expect_tensor_near("one piece", run_in_pieces(size, qkv, {70}, variant.set), expected.out);
      expect_tensor_near("prompt and tokens",
                         run_in_pieces(size, qkv, {63, 1, 1, 1, 4}, variant.set), expected.out);
    });
  }
}

TEST(AttentionWithCache, AQuerysBitsDoNotDependOnThePieces) {
  const AttentionSizes size{70, 1, 2, 1, 24};
  const Tensor qkv = random_tensor({70, size.qkv_width()}, 2);
  expect_same_bits("out", run_in_pieces(size, qkv, {10, 1, 59}), run_in_pieces(size, qkv, {70}));
}

TEST(AttentionWithCache, BitsDoNotDependOnThreadsOrInstructionSet) {
  const AttentionSizes size{90, 1, 6, 3, 20};
  expect_same_bits_everywhere([&](const KernelVariant& variant) {
    const Tensor qkv = variant.random({90, size.qkv_width()}, 3);
    std::vector<Tensor> r;
    r.push_back(run_in_pieces(size, qkv, {80, 10}, variant.set));
    return r;
  });
}

TEST(AttentionWithCache, RefusesMoreTokensThanTheCacheHolds) {
  const AttentionSizes size{4, 1, 1, 1, 2};
  const Tensor qkv = random_tensor({4, size.qkv_width()}, 4);
  Stream stream;
  Tensor keys({5, 1, 2}, DType::f32);
  Tensor values({5, 1, 2}, DType::f32);
  Tensor out({4, 2}, DType::f32);
  EXPECT_THROW(attention_with_cache({stream, {}}, 1, 1, 2, qkv, 2, {keys, values}, out), Error);
  EXPECT_NO_THROW(attention_with_cache({stream, {}}, 1, 1, 2, qkv, 1, {keys, values}, out));
}

}  // namespace
}  // namespace weft::kernels
