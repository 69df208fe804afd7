#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/tile_product.hpp"

// The memory that one thread works in, which is what AttentionPlan plans as workspace.

namespace weft::kernels {

inline constexpr int64_t kQueries = 64;  ///< queries of a tile
inline constexpr int64_t kKeys = 128;    ///< keys of a tile: a multiple of kQueries
static_assert(kKeys % kQueries == 0, "the first key of a tile counts for each of its queries");

/// `columns` rounded up to whole registers of every instruction set.
constexpr int64_t padded(int64_t columns) { return (columns + 15) / 16 * 16; }

/// Matrices of places P (tile_product.hpp), row-major, and of f32. S is the sequence rounded up to
/// whole tiles of queries, D the head size rounded up to registers, R the queries and C the keys of
/// a tile. "By rows" means that places run along the last letter, "by columns" that they run along
/// the first; for P = float both are the same memory.
template <typename P>
struct AttentionScratch {
  P* k_SD;           ///< keys of the group, by rows
  P* v_SD;           ///< values of the group; forward: by columns, backward: by rows
  P* q_RD;           ///< queries of a tile; forward: by rows, backward: by columns
  P* q_DR;           ///< queries of a tile, by columns
  float* s_CR;       ///< scores of a tile
  P* p_CR;           ///< probabilities of a tile; forward: by columns, backward: by rows
  float* factor_CR;  ///< dropout factors of a tile
  float* out_RD;     ///< forward: output of a tile; backward: gradient of its queries
  float* max_R;      ///< forward: largest scores; backward: lse; both times log2(e)
  float* sum_R;      ///< forward: sums of exponentials; backward: delta
  float* rescale_R;  ///< forward only
  P* k_pairs_SD;     ///< backward only, as the rest: keys by columns
  P* dout_RD;        ///< by columns
  P* dout_DR;        ///< by columns
  P* rows_RD;        ///< a tile's queries or output gradients by rows, on their way
  float* dp_CR;      ///< gradients of the probabilities
  P* ds_CR;          ///< gradients of the scores, by rows
  P* ds_pairs_CR;    ///< gradients of the scores, by columns
  float* dk_SD;
  float* dv_SD;
};

/// Lays out the memory of one thread at `base`; backward needs more of it than forward. (What loops
/// of threads call in other files is declared not to throw: they would hold handlers for it, which
/// are symbols shared with every other object.)
template <typename P>
AttentionScratch<P> take_scratch(std::byte* base, const AttentionSpec& spec,
                                 bool backward) noexcept;

/// The bytes of that layout.
template <typename P>
size_t scratch_bytes(const AttentionSpec& spec, bool backward);

}  // namespace weft::kernels
