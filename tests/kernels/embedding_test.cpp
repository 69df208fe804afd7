#include "weft/kernels/embedding.hpp"

#include <gtest/gtest.h>

#include "support/kernel_variants.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

struct EmbeddingCase {
  EmbeddingCase(const KernelVariant& variant, int64_t s, int64_t b, int64_t h)
      : sequence(s),
        microbatch(b),
        hidden(h),
        word(variant.random({11, h}, 1)),
        position(variant.random({s + 2, h}, 2)),
        dout(variant.random({s, b, h}, 3)),
        tokens({b, s}, DType::i64),
        positions({b, s}, DType::i64) {
    for (int64_t i = 0; i < b * s; ++i) {
      tokens.span<int64_t>()[static_cast<size_t>(i)] = i * i % 11;
      positions.span<int64_t>()[static_cast<size_t>(i)] = i % s + 1;
    }
  }

  int64_t sequence;
  int64_t microbatch;
  int64_t hidden;
  Tensor word;
  Tensor position;
  Tensor dout;
  Tensor tokens;
  Tensor positions;
};

double at(const Tensor& table, int64_t row, int64_t column) {
  return element_of(table, static_cast<size_t>(row * table.shape().last() + column));
}

TEST(Embedding, ForwardAddsWordAndPositionRows) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const int64_t hidden : {1, 17, 64, 1025}) {
      const EmbeddingCase layer(variant, 7, 3, hidden);
      Tensor out = variant.unwritten({7, 3, hidden});
      for (const bool with_position : {false, true}) {
        embedding_forward({stream, {}}, layer.word,
                          with_position ? layer.position.view() : ConstTensorView(), layer.tokens,
                          layer.positions, out);
        std::vector<double> expected;
        for (size_t s = 0; s < 7; ++s) {
          for (size_t b = 0; b < 3; ++b) {
            const int64_t token = layer.tokens.span<int64_t>()[b * 7 + s];
            const int64_t place = layer.positions.span<int64_t>()[b * 7 + s];
            for (int64_t h = 0; h < hidden; ++h) {
              expected.push_back(at(layer.word, token, h) +
                                 (with_position ? at(layer.position, place, h) : 0.0));
            }
          }
        }
        expect_tensor_near("out", out, expected);
      }
    }
  });
}

TEST(Embedding, BackwardAddsRowsInTokenOrder) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const int64_t hidden : {1, 17, 64, 130}) {
      const EmbeddingCase layer(variant, 9, 2, hidden);
      Tensor table = random_tensor({11, hidden}, 4);
      Tensor expected = copy_of(table);
      embedding_backward({stream, {}}, layer.dout, layer.tokens, table);
      for (size_t b = 0; b < 2; ++b) {  // the same additions, in the order that the header states
        for (size_t s = 0; s < 9; ++s) {
          const auto token = static_cast<size_t>(layer.tokens.span<int64_t>()[b * 9 + s]);
          const auto width = static_cast<size_t>(hidden);
          for (size_t h = 0; h < width; ++h) {
            expected.span<float>()[token * width + h] +=
                element_of(layer.dout, (s * 2 + b) * width + h);
          }
        }
      }
      expect_same_bits("table", table, expected);
    }
  });
}

TEST(Embedding, BitsDependOnNeitherThreadsNorInstructionSet) {
  expect_same_bits_everywhere([](const KernelVariant& variant) {
    const EmbeddingCase layer(variant, 50, 4, 300);
    Stream stream = variant.stream();
    std::vector<Tensor> r;
    r.push_back(variant.unwritten(layer.dout.shape()));
    r.emplace_back(layer.word.shape(), DType::f32);
    embedding_forward({stream, {}}, layer.word, layer.position, layer.tokens, layer.positions,
                      r[0]);
    embedding_backward({stream, {}}, layer.dout, layer.tokens, r[1]);
    return r;
  });
}

TEST(Embedding, RefusesIdsOutsideTheTable) {
  Stream stream;
  EmbeddingCase layer({}, 3, 1, 4);
  Tensor out({3, 1, 4}, DType::f32);
  for (const int64_t bad : {int64_t{11}, int64_t{-1}}) {
    layer.tokens.span<int64_t>()[1] = bad;
    EXPECT_THROW(
        embedding_forward({stream, {}}, layer.word, {}, layer.tokens, layer.positions, out), Error);
    EXPECT_THROW(embedding_backward({stream, {}}, layer.dout, layer.tokens, layer.word), Error);
  }
}

}  // namespace
}  // namespace weft::kernels
