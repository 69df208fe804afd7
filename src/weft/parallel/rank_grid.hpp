#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "weft/parallel/axis.hpp"

namespace weft::parallel {

/// One number per axis: the place of a rank (from 0), or the sizes of a grid.
struct Coordinates {
  int64_t tp = 0;
  int64_t cp = 0;
  int64_t ep = 0;
  int64_t dp = 0;
  int64_t pp = 0;

  int64_t at(Axis axis) const;
  void set(Axis axis, int64_t value);

  friend bool operator==(const Coordinates&, const Coordinates&) = default;
};

/// Ranks 0 .. n-1 numbered over a grid of axes (reference/megatron.md 5.1):
/// rank = sum over axes of coordinate x stride, where an axis's stride is the product of the sizes
/// of the axes before it in the order.
class RankGrid {
 public:
  /// Every size is at least 1.
  RankGrid(const Coordinates& sizes, const RankOrder& order);

  int64_t num_ranks() const { return num_ranks_; }
  int64_t size(Axis axis) const { return sizes_.at(axis); }
  /// Distance in rank between neighbours along `axis`.
  int64_t stride(Axis axis) const { return strides_.at(axis); }

  /// Place of a rank. Throws Error{internal} for a rank outside of the grid.
  Coordinates coordinates(int64_t rank) const;
  /// Rank at a place. Throws Error{internal} for coordinates outside of the grid.
  int64_t rank_of(const Coordinates& place) const;

  /// All ranks that agree with `rank` on every axis that is not in `axes`, ascending.
  std::vector<int64_t> group_of(int64_t rank, AxisSet axes) const;
  /// The groups of all ranks, each once, by ascending first rank.
  std::vector<std::vector<int64_t>> groups(AxisSet axes) const;

 private:
  Coordinates sizes_;
  RankOrder order_;
  Coordinates strides_;
  int64_t num_ranks_ = 1;
};

}  // namespace weft::parallel
