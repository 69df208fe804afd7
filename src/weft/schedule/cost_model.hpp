#pragma once

#include <cstdint>
#include <vector>

#include "weft/schedule/graph.hpp"

namespace weft::schedule {

/// The reference model of a training step (reference/schedules.md A.1, A.6): a pipeline of equal
/// layer atoms, and what disturbs it. Times are in units of one VPP chunk's forward.
///
/// The model is cut into num_ranks * num_atoms() atoms in layer order, so that schedules with
/// different numbers of chunks per rank are compared on the same work.
struct CostModel {
  int64_t num_ranks = 1;
  int64_t virtual_chunks = 1;  ///< VPP: what a time and a memory of 1 refer to
  int64_t num_microbatches = 1;

  /// Durations of one VPP chunk of one microbatch.
  double forward = 1;
  double backward_input = 1;
  double backward_weight = 1;

  double latency = 0;                   ///< of every message between ranks
  std::vector<double> rank_slowdown{};  ///< [rank]; empty: 1
  std::vector<double> atom_weight{};    ///< [atom of the model], in layer order; empty: 1

  uint64_t seed = 0;
  double jitter_sigma = 0;       ///< of every atom's duration
  double link_jitter_sigma = 0;  ///< of every message's latency
  double length_sigma = 0;       ///< of every microbatch: its length scales all its durations

  /// Atoms per rank: VPP when even, else 2 VPP, so that two-chunk waves always exist.
  int64_t num_atoms() const {
    return virtual_chunks % 2 == 0 ? virtual_chunks : 2 * virtual_chunks;
  }
  /// Atoms that one unit of memory (a VPP chunk of one microbatch) stands for.
  int64_t atoms_per_unit() const { return num_atoms() / virtual_chunks; }
};

/// The graph of `model` for a mapping with `num_chunks` per rank. A stage is charged its atoms, so
/// memory is counted in atoms. Throws Error{usage} when a value is out of range or `num_chunks`
/// does not divide the atoms of a rank.
Graph make_graph(const CostModel& model, Mapping mapping, int64_t num_chunks, bool splits_backward);

/// Slowdown of one rank, for CostModel::rank_slowdown.
std::vector<double> slow_rank(int64_t num_ranks, int64_t rank, double factor);

}  // namespace weft::schedule
