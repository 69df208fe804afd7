#include "weft/kernels/attention_dropout.hpp"

#include "weft/kernels/attention_lanes.hpp"
#include "weft/kernels/attention_scratch.hpp"
#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/philox_lanes.hpp"

namespace weft::kernels::inline WEFT_ISA {

namespace {

// As many 64-bit lanes as a register has, each with a number of 32 bits and room for its products.
typedef uint64_t Lanes __attribute__((vector_size(sizeof(Floats))));
typedef uint32_t Words __attribute__((vector_size(sizeof(Floats))));

constexpr int64_t kLanesOf64 = kWidth / 2;

/// What a tile's factors are drawn from.
struct Draw {
  philox::Key key;
  uint64_t sample;
  uint32_t threshold;
  float scale;
};

/// Products of the low halves of the lanes.
inline Lanes multiply_low(Lanes a, uint64_t b) {
  const Lanes factor = Lanes{} + b;
#if defined(__AVX512F__)
  return reinterpret_cast<Lanes>(_mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a),
                                                        reinterpret_cast<__m512i>(factor)));
#else
  return reinterpret_cast<Lanes>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(factor)));
#endif
}

/// The low halves of the lanes of a, then of b.
inline Words low_words(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(reinterpret_cast<Words>(a), reinterpret_cast<Words>(b), 0, 2, 4, 6,
                                 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
#else
  return __builtin_shufflevector(reinterpret_cast<Words>(a), reinterpret_cast<Words>(b), 0, 2, 4, 6,
                                 8, 10, 12, 14);
#endif
}

/// One Philox block per lane: word w of the block in the low half of word[w].
struct Blocks {
  Lanes word[4];
};

/// Blocks counter(index, sample) of the draw's key, one for each lane of `index`.
inline Blocks generate(const Draw& draw, Lanes index) {
  Lanes c0 = index;
  Lanes c1 = index >> 32;
  Lanes c2 = Lanes{} + draw.sample;
  Lanes c3 = c2 >> 32;
  philox::Key key = draw.key;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    // Only the low halves of the lanes count; multiply_low ignores what stands above them.
    const Lanes product0 = multiply_low(c0, 0xD2511F53u);
    const Lanes product1 = multiply_low(c2, 0xCD9E8D57u);
    c0 = (product1 >> 32) ^ c1 ^ key.low;
    c2 = (product0 >> 32) ^ c3 ^ key.high;
    c1 = product1;
    c3 = product0;
    key.low += 0x9E3779B9u;
    key.high += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Factors of the rows from r on that fill a register, when every row of the tile starts at a
/// multiple of 4 elements: the four words of a block are four successive keys of one query, so a
/// lane is a query.
void aligned_rows(const Draw& draw, const DropoutTile& tile, int64_t r, float* factors) {
  Lanes first[2];
  for (int64_t lane = 0; lane < kWidth; ++lane) {
    first[lane / kLanesOf64][lane % kLanesOf64] =
        static_cast<uint64_t>((tile.first + (r + lane) * tile.row) / 4);
  }
  const Floats scale = broadcast(draw.scale);
  for (int64_t c = 0; c < tile.columns; c += 4) {
    const Lanes step = Lanes{} + static_cast<uint64_t>(c / 4);
    const Blocks a = generate(draw, first[0] + step);
    const Blocks b = generate(draw, first[1] + step);
    // A tile has room for whole blocks: its columns are a multiple of 4 or its last.
    for (int64_t word = 0; word < 4; ++word) {
      const Words drawn = low_words(a.word[word], b.word[word]);
      const Floats kept = drawn >= draw.threshold ? scale : Floats{};
      store_floats(factors + (c + word) * kQueries + r, kept);
    }
  }
}

/// Factors of row r wherever it starts.
void any_row(const Draw& draw, const PhiloxKeys& keys, const DropoutTile& tile, int64_t r,
             float* factors) {
  const auto first = static_cast<uint64_t>(tile.first + r * tile.row);
  uint32_t words[kKeys + 32];
  const uint64_t groups = (first % 16 + static_cast<uint64_t>(tile.columns) + 15) / 16;
  for (uint64_t group = 0; group < groups; ++group) {
    philox_words16(keys, first / 16 + group, draw.sample, words + 16 * group);
  }
  const uint32_t* own = words + first % 16;
  for (int64_t c = 0; c < tile.columns; ++c) {
    factors[c * kQueries + r] = dropout_factor(own[c], draw.threshold, draw.scale);
  }
}

}  // namespace

[[gnu::nothrow]] void dropout_factors(const Dropout& dropout, uint64_t sample,
                                      const DropoutTile& tile, float* factors) {
  const Draw draw{dropout.key, sample, dropout.threshold, dropout.scale};
  if (tile.first % 4 == 0 && tile.row % 4 == 0) {
    for (int64_t r = 0; r < kQueries; r += kWidth) aligned_rows(draw, tile, r, factors);
    return;
  }
  const PhiloxKeys keys(dropout.key);
  for (int64_t r = 0; r < kQueries; ++r) any_row(draw, keys, tile, r, factors);
}

}  // namespace weft::kernels::inline WEFT_ISA
