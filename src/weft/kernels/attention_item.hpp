#pragma once

#include <cstdint>
#include <type_traits>

#include "weft/kernels/attention_dropout.hpp"
#include "weft/kernels/attention_loops.hpp"
#include "weft/kernels/attention_tiles.hpp"
#include "weft/kernels/math.hpp"

// Causal attention in tiles of kQueries x kKeys. Scores are kept transposed, S^T[key, query]: the
// maximum, sum and rescaling of every query are then vertical operations over a vector of queries,
// and P^T and dS^T have the layout that the next product reads (reference/cpu.md 2).

namespace weft::kernels::inline WEFT_ISA {

inline constexpr float kLog2E = 1.442695041F;
inline constexpr float kLn2 = 0.6931471806F;

/// What one thread works on: a query group of a sample. Strides are between successive positions of
/// the sequence.
template <typename P>
struct AttentionItem {
  const AttentionSpec& spec;
  const Dropout& dropout;
  const int64_t* starts;  ///< first key that each query of the sample sees; null: 0
  int64_t sample;         ///< row of the microbatch
  int64_t group;
  AttentionScratch<P> scratch;

  int64_t dim() const { return spec.head_dim; }
  /// Columns of the scratch matrices.
  int64_t width() const { return padded(spec.head_dim); }
  /// Places of a row of queries, keys or values by rows, and those that hold elements.
  int64_t row_places() const { return width() / kElements<P>; }
  int64_t used_places() const { return (dim() + kElements<P> - 1) / kElements<P>; }
  int64_t heads_per_group() const { return spec.heads / spec.groups; }
  int64_t head(int64_t index) const { return group * heads_per_group() + index; }
  int64_t qkv_stride() const { return spec.microbatch * spec.qkv_width(); }
  int64_t out_stride() const { return spec.microbatch * spec.out_width(); }
  /// First element of the Q of a head of the group at `position`; heads_per_group() is K and the
  /// next one V.
  int64_t qkv_offset(int64_t head_index, int64_t position) const {
    return position * qkv_stride() + sample * spec.qkv_width() +
           (group * (heads_per_group() + 2) + head_index) * dim();
  }
  int64_t out_offset(int64_t head_index, int64_t position) const {
    return position * out_stride() + sample * spec.out_width() + head(head_index) * dim();
  }
  int64_t lse_offset(int64_t head_index) const {
    return (sample * spec.heads + head(head_index)) * spec.sequence;
  }
  float scale() const { return 1.0F / math::sqrt(static_cast<float>(dim())); }
};

/// The starts of a sample's queries, or null.
inline const int64_t* starts_of(const AttentionWork& work, int64_t sample) {
  return work.starts == nullptr ? nullptr : work.starts + sample * work.spec.sequence;
}

/// Where the documents of a sample cut a tile: query r sees key c only when r < ends[c]. The keys
/// before a query's document are then behind that query, as those after it are by causality.
struct Borders {
  int64_t ends[kKeys];
};

/// One tile of scores: queries [query, query + num_queries) x keys [key, key + num_keys).
struct ScoreTile {
  int64_t query;
  int64_t num_queries;
  int64_t key;
  int64_t num_keys;
  bool first;              ///< of its queries
  const Borders* borders;  ///< null: no document begins behind the tile's first key

  /// Key c of the tile counts for query r when c <= r + offset().
  int64_t offset() const { return query - key; }
  /// Keys of the tile that count for every query, borders aside.
  int64_t full_keys() const { return offset() + 1 < num_keys ? offset() + 1 : num_keys; }
  /// How a product over the tile goes about the keys that do not count.
  Causal causal(Causal::Part part) const {
    return {full_keys() == num_keys ? Causal::Part::all : part, offset()};
  }
};

/// Fills in the borders of `tile` from the starts of its queries.
inline void find_borders(const ScoreTile& tile, const int64_t* starts, Borders& borders) {
  int64_t r = 0;
  for (int64_t c = 0; c < tile.num_keys; ++c) {
    while (r < tile.num_queries && starts[r] <= tile.key + c) ++r;
    borders.ends[c] = r;
  }
}

/// The tiles of a query tile: body(tile) for its keys in order, from that tile on in which the
/// first query's document begins. `starts` is the sample's, or null.
template <typename Body>
inline void for_key_tiles(int64_t query, int64_t num_queries, const int64_t* starts,
                          const Body& body) {
  const int64_t begin = starts == nullptr ? 0 : starts[query] / kKeys * kKeys;
  Borders borders;  // of one tile at a time
  for (int64_t key = begin; key < query + num_queries; key += kKeys) {
    const int64_t left = query + num_queries - key;
    ScoreTile tile{query, num_queries, key, left < kKeys ? left : kKeys, key == begin, nullptr};
    if (starts != nullptr && starts[query + num_queries - 1] > key) {
      find_borders(tile, starts + query, borders);
      tile.borders = &borders;
    }
    body(tile);
  }
}

/// to_CR = A Q^T for the rows by rows of keys or values in a_SD and the transposed queries or
/// output gradients in b_DR.
template <typename P>
inline void score_product(const AttentionItem<P>& item, const ScoreTile& tile, const P* a_SD,
                          const P* b_DR, float* to_CR) {
  cpu::tile_product<P>({tile.num_keys, kQueries, item.used_places()},
                       {a_SD + tile.key * item.row_places(), item.row_places(), 1},
                       {b_DR, kQueries}, {to_CR, kQueries},
                       tile.causal(Causal::Part::keys_by_queries), false);
}

/// factor_CR = the tile's dropout factors.
template <typename P>
inline void dropout_tile(const AttentionItem<P>& item, int64_t head, const ScoreTile& tile) {
  const int64_t sequence = item.spec.sequence;
  const auto sample =
      static_cast<uint64_t>(item.dropout.samples_B.data()[static_cast<size_t>(item.sample)]);
  const int64_t first = (head * sequence + tile.query) * sequence + tile.key;
  dropout_factors(item.dropout, sample, {first, sequence, tile.num_queries, tile.num_keys},
                  item.scratch.factor_CR);
}

/// Calls body(all, c) for the keys c and c + 1 of the tile, two at a time. `all` is a constant that
/// says whether both count for every query, so that most keys need no masks.
template <typename Body>
inline void for_key_pairs(const ScoreTile& tile, const Body& body) {
  int64_t c = 0;
  if (tile.borders == nullptr) {
    for (; c + 2 <= tile.full_keys(); c += 2) body(std::true_type{}, c);
  }
  for (; c < tile.num_keys; c += 2) body(std::false_type{}, c);
}

/// `lane` within a register: 0 to kWidth.
inline int64_t clamped_lane(int64_t lane) { return lane < 0 ? 0 : lane < kWidth ? lane : kWidth; }

/// x in the lanes of a register of queries, from `column` on, for which key c counts, and
/// `otherwise` in the others.
inline Floats counting(const ScoreTile& tile, int64_t c, int64_t column, Floats x,
                       Floats otherwise) {
  const int64_t first = c < tile.num_keys ? clamped_lane(c - tile.offset() - column) : kWidth;
  if (tile.borders != nullptr && first < kWidth) {
    x = from_lane(clamped_lane(tile.borders->ends[c] - column), otherwise, x);
  }
  return from_lane(first, x, otherwise);
}

/// 2^(factor score - shift) for the register of queries of key c from `column` on; 0 where the key
/// does not count.
template <bool kAll>
inline Floats probability(const float* s_CR, const ScoreTile& tile, int64_t c, int64_t column,
                          Floats factor, Floats shift) {
  const Floats p = exp2(load_floats(s_CR + c * kQueries + column) * factor - shift);
  return kAll ? p : counting(tile, c, column, p, Floats{});
}

/// Dropout factors of that register; 0 beyond the tile's keys.
inline Floats factor_of(const float* factor_CR, const ScoreTile& tile, int64_t c, int64_t column) {
  return c < tile.num_keys ? load_floats(factor_CR + c * kQueries + column) : Floats{};
}

}  // namespace weft::kernels::inline WEFT_ISA
