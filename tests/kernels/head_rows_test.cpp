#include "weft/kernels/head_rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/kernel_variants.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

TEST(HeadRows, GatherTakesEachHeadFromItsPlace) {
  // Features of a row: q0 q1 k v | q2 q3 k v, two channels each.
  const HeadLayout layout{4, 2, 2};
  Tensor qkv({3, 16}, DType::f32);
  for (size_t i = 0; i < 48; ++i) qkv.span<float>()[i] = static_cast<float>(i);
  Stream stream;
  Tensor queries({12, 2}, DType::f32);
  Tensor keys({6, 2}, DType::f32);
  ASSERT_EQ(num_head_rows(layout, HeadPart::queries, 3), 12);
  ASSERT_EQ(num_head_rows(layout, HeadPart::keys, 3), 6);
  gather_heads({stream, {}}, layout, HeadPart::queries, qkv, queries);
  gather_heads({stream, {}}, layout, HeadPart::keys, qkv, keys);
  const std::vector<double> first_queries = {0, 1, 2, 3, 8, 9, 10, 11};
  const std::vector<double> first_keys = {4, 5, 12, 13};
  for (size_t token = 0; token < 3; ++token) {
    const double start = 16.0 * static_cast<double>(token);
    for (size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(queries.span<float>()[token * 8 + i], start + first_queries[i]);
    }
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(keys.span<float>()[token * 4 + i], start + first_keys[i]);
    }
  }
}

TEST(HeadRows, ScatterUndoesGatherAndLeavesTheRestAlone) {
  const HeadLayout layout{6, 3, 5};
  for_each_variant([&](const KernelVariant& variant) {
    const Tensor qkv = variant.random({70, layout.qkv_width()}, 1);
    Stream stream = variant.stream();
    for (const HeadPart part : {HeadPart::queries, HeadPart::keys}) {
      Tensor rows = variant.unwritten({num_head_rows(layout, part, 70), 5});
      gather_heads({stream, {}}, layout, part, qkv, rows);
      Tensor changed = copy_of(qkv);
      scatter_heads({stream, {}}, layout, part, filled_tensor(rows.shape(), 9.0F, variant.dtype),
                    changed);
      EXPECT_EQ(std::ranges::count(to_double(changed), 9.0), rows.view().num_elements());
      scatter_heads({stream, {}}, layout, part, rows, changed);
      expect_same_bits("qkv", changed, qkv);
    }
  });
}

TEST(HeadRows, RefusesRowsOfAnotherSize) {
  Stream stream;
  Tensor qkv({2, 12}, DType::f32);
  Tensor rows({3, 4}, DType::f32);
  EXPECT_THROW(gather_heads({stream, {}}, {1, 1, 4}, HeadPart::queries, qkv, rows), Error);
}

}  // namespace
}  // namespace weft::kernels
