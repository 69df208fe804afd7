#include <gtest/gtest.h>

#include "reference/attention.hpp"
#include "support/tensor_near.hpp"
#include "support/test_tensors.hpp"
#include "support/thread_counts.hpp"
#include "weft/kernels/attention.hpp"

namespace weft::kernels {
namespace {

using reference::AttentionSizes;
using namespace weft::testing;  // NOLINT(google-build-using-namespace)

/// Attention over a sequence that arrives in pieces of the given lengths.
Tensor run_in_pieces(const AttentionSizes& size, const Tensor& qkv,
                     const std::vector<int64_t>& pieces) {
  Stream stream;
  Tensor keys({size.sequence + 3, size.groups, size.head_dim}, DType::f32);
  Tensor values(keys.shape(), DType::f32);
  Tensor out({size.sequence, size.heads * size.head_dim}, DType::f32);
  int64_t past = 0;
  for (const int64_t piece : pieces) {
    const ConstTensorView new_qkv(qkv.view().data<float>() + past * size.qkv_width(), DType::f32,
                                  {piece, size.qkv_width()});
    const TensorView new_out(out.view().data<float>() + past * size.heads * size.head_dim,
                             DType::f32, {piece, size.heads * size.head_dim});
    attention_with_cache({stream, {}}, size.heads, size.groups, size.head_dim, new_qkv, past,
                         {keys, values}, new_out);
    past += piece;
  }
  return out;
}

TEST(AttentionWithCache, EqualsAttentionOverTheWholeSequence) {
  for (const int64_t head_dim : {1, 17, 64, 256}) {
    const AttentionSizes size{70, 1, 4, 2, head_dim};
    const Tensor qkv = random_tensor({70, size.qkv_width()}, 1);
    const auto expected = reference::attention_forward(size, to_double(qkv), reference::keep_all);
    expect_tensor_near("one piece", run_in_pieces(size, qkv, {70}), expected.out);
    expect_tensor_near("prompt and tokens", run_in_pieces(size, qkv, {63, 1, 1, 1, 4}),
                       expected.out);
  }
}

TEST(AttentionWithCache, AQuerysBitsDoNotDependOnThePieces) {
  const AttentionSizes size{70, 1, 2, 1, 24};
  const Tensor qkv = random_tensor({70, size.qkv_width()}, 2);
  expect_same_bits("out", run_in_pieces(size, qkv, {10, 1, 59}), run_in_pieces(size, qkv, {70}));
}

TEST(AttentionWithCache, BitsDoNotDependOnThreads) {
  const AttentionSizes size{90, 1, 6, 3, 20};
  const Tensor qkv = random_tensor({90, size.qkv_width()}, 3);
  expect_same_for_thread_counts([&] {
    std::vector<Tensor> r;
    r.push_back(run_in_pieces(size, qkv, {80, 10}));
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
