#include "weft/kernels/attention_tiles.hpp"

#include <algorithm>

#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/philox_lanes.hpp"

namespace weft::kernels {

void copy_rows(RowMatrix<const float> from, int64_t rows, int64_t total_rows, int64_t columns,
               RowMatrix<float> to) {
  const int64_t width = padded(columns);
  for (int64_t r = 0; r < rows; ++r) {
    float* row = to.data + r * to.stride;
    std::copy_n(from.data + r * from.stride, columns, row);
    std::fill(row + columns, row + width, 0.0F);
  }
  for (int64_t r = rows; r < total_rows; ++r) std::fill_n(to.data + r * to.stride, width, 0.0F);
}

void store_rows(RowMatrix<const float> from, int64_t rows, int64_t columns, RowMatrix<float> to) {
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(from.data + r * from.stride, columns, to.data + r * to.stride);
  }
}

void transpose(RowMatrix<const float> from, int64_t rows, int64_t columns, RowMatrix<float> to) {
  // Blocks of 8 x 8 keep both sides within a few cache lines.
  constexpr int64_t kBlock = 8;
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    for (int64_t d0 = 0; d0 < columns; d0 += kBlock) {
      const int64_t r_end = std::min(rows, r0 + kBlock);
      const int64_t d_end = std::min(columns, d0 + kBlock);
      for (int64_t d = d0; d < d_end; ++d) {
        for (int64_t r = r0; r < r_end; ++r) {
          to.data[d * to.stride + r] = from.data[r * from.stride + d];
        }
      }
    }
  }
}

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
    const int64_t words = std::min<int64_t>(4, tile.columns - c);
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
    std::fill(factors + c * kQueries + tile.rows, factors + (c + 1) * kQueries, 1.0F);
  }
}

}  // namespace weft::kernels
