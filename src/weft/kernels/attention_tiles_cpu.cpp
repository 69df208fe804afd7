#include "weft/kernels/attention_tiles.hpp"
#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/philox_lanes.hpp"

namespace weft::kernels::inline WEFT_ISA {

namespace {

/// What a tile's factors are drawn from.
struct Draw {
  PhiloxKeys keys;
  uint64_t sample;
  uint32_t threshold;
  float scale;
};

/// Factors of rows r .. r + 3 when every row of the tile starts at a multiple of 4 elements: the
/// four words of a block are four successive keys of one query, so a lane is a query.
void aligned_rows(const Draw& draw, const DropoutTile& tile, int64_t r, float* factors) {
  const int64_t block = (tile.first + r * tile.row) / 4;
  const int64_t step = tile.row / 4;
  const __m256i start = _mm256_setr_epi64x(block, block + step, block + 2 * step, block + 3 * step);
  for (int64_t c = 0; c < tile.columns; c += 4) {
    const __m256i index = _mm256_add_epi64(start, _mm256_set1_epi64x(c / 4));
    const PhiloxFour blocks = philox_four(draw.keys, index, draw.sample);
    const int64_t words = tile.columns - c < 4 ? tile.columns - c : 4;
    for (int64_t word = 0; word < words; ++word) {
      alignas(16) uint32_t drawn[4];
      _mm_store_si128(reinterpret_cast<__m128i*>(drawn), low_halves(blocks.word[word]));
      float* to = factors + (c + word) * kQueries + r;
      for (int64_t lane = 0; lane < 4; ++lane) {
        to[lane] = dropout_factor(drawn[lane], draw.threshold, draw.scale);
      }
    }
  }
}

/// Factors of row r wherever it starts.
void any_row(const Draw& draw, const DropoutTile& tile, int64_t r, float* factors) {
  const auto first = static_cast<uint64_t>(tile.first + r * tile.row);
  uint32_t words[kKeys + 32];
  const uint64_t groups = (first % 16 + static_cast<uint64_t>(tile.columns) + 15) / 16;
  for (uint64_t group = 0; group < groups; ++group) {
    philox_words16(draw.keys, first / 16 + group, draw.sample, words + 16 * group);
  }
  const uint32_t* own = words + first % 16;
  for (int64_t c = 0; c < tile.columns; ++c) {
    factors[c * kQueries + r] = dropout_factor(own[c], draw.threshold, draw.scale);
  }
}

}  // namespace

void dropout_factors(const Dropout& dropout, uint64_t sample, const DropoutTile& tile,
                     float* factors) {
  const Draw draw{PhiloxKeys(dropout.key), sample, dropout.threshold, dropout.scale};
  int64_t r = 0;
  if (tile.first % 4 == 0 && tile.row % 4 == 0) {
    for (; r + 4 <= tile.rows; r += 4) aligned_rows(draw, tile, r, factors);
  }
  for (; r < tile.rows; ++r) any_row(draw, tile, r, factors);
  if (tile.rows == kQueries) return;
  for (int64_t c = 0; c < tile.columns; ++c) {
    for (int64_t r_beyond = tile.rows; r_beyond < kQueries; ++r_beyond) {
      factors[c * kQueries + r_beyond] = 1.0F;
    }
  }
}

}  // namespace weft::kernels::inline WEFT_ISA
