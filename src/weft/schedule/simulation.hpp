#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/schedule/commit_log.hpp"
#include "weft/schedule/graph.hpp"

namespace weft::schedule {

/// What a simulated step did.
struct Simulation {
  CommitLog log;
  double makespan = 0;               ///< last end on any rank
  double max_rank_span = 0;          ///< largest (last end - first start) of one rank
  double bubble = 0;                 ///< 1 - mean work of a rank / makespan
  std::vector<int64_t> peak_charge;  ///< [rank], in the unit of the graph's charges
  /// Empty when every task ran; else who waits for whom, in a circle.
  std::string deadlock;

  int64_t max_peak_charge() const;

  /// An empty result for `graph`, with a log of its shape.
  static Simulation of(const Graph& graph);
  /// Fills in what follows from the log.
  void summarise(const Graph& graph);
};

}  // namespace weft::schedule
