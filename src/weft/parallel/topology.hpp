#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/parallel/axis.hpp"
#include "weft/parallel/problem.hpp"
#include "weft/parallel/rank_grid.hpp"

namespace weft::parallel {

/// How many ranks there are and what they are split over; the comments name Megatron's flags.
struct TopologySizes {
  std::optional<int64_t> world_size = {};  ///< --world-size, or of a launcher; none: tp * cp * pp
  int64_t tp = 1;                          ///< --tensor-model-parallel-size
  int64_t cp = 1;                          ///< --context-parallel-size
  int64_t pp = 1;                          ///< --pipeline-model-parallel-size
  int64_t ep = 1;                          ///< --expert-model-parallel-size
  std::optional<int64_t> expert_tp = {};   ///< --expert-tensor-parallel-size; none: tp
  RankOrder order = kDefaultOrder;         ///< kReplicasOutermost: --use-tp-pp-dp-mapping

  /// Every range, product and divisibility that fails, each with its equation (conditions of
  /// reference/megatron.md 5.1).
  std::vector<Problem> validate() const;
};

/// The ranks of a run on two grids that share the world and the pipeline ranks: the dense grid
/// (tp, cp, dp, pp) of everything but experts, and the expert grid (expert tp, ep, expert dp, pp).
/// An immutable value; nothing about parallelism is global.
class Topology {
 public:
  /// One rank.
  Topology() : Topology(TopologySizes{}) {}
  /// Throws Error{usage} that lists what TopologySizes::validate finds.
  explicit Topology(const TopologySizes& sizes);

  int64_t world_size() const { return dense_.num_ranks(); }
  int64_t tp() const { return dense_.size(Axis::tp); }
  int64_t cp() const { return dense_.size(Axis::cp); }
  int64_t dp() const { return dense_.size(Axis::dp); }
  int64_t pp() const { return dense_.size(Axis::pp); }
  int64_t ep() const { return expert_.size(Axis::ep); }
  int64_t expert_tp() const { return expert_.size(Axis::tp); }
  int64_t expert_dp() const { return expert_.size(Axis::dp); }
  const RankOrder& order() const { return order_; }

  /// Place of a rank on the dense grid; its ep is 0.
  Coordinates coordinates(int64_t rank) const { return dense_.coordinates(rank); }
  /// Rank at a place of the dense grid.
  int64_t rank_of(const Coordinates& place) const { return dense_.rank_of(place); }

  const RankGrid& dense() const { return dense_; }
  /// The grid of the experts: its tp is expert_tp, its dp expert_dp, its cp 1.
  const RankGrid& expert() const { return expert_; }

 private:
  RankOrder order_;
  RankGrid dense_;
  RankGrid expert_;
};

}  // namespace weft::parallel
