#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/schedule/graph.hpp"

namespace weft::schedule {

/// Lower bounds of the makespan of a graph (reference/schedules.md 2.7, A.4).
///
/// `path`: the longest path, as if every rank ran everything at once.
/// `machine`: per rank, Jackson's preemptive schedule: tasks are released when the longest path to
/// them ends and the one with the longest path after it runs first; the largest completion plus
/// that path. Valid for unequal durations.
struct MakespanBounds {
  double path = 0;
  double machine = 0;

  double largest() const { return path > machine ? path : machine; }
};
MakespanBounds makespan_bounds(const Graph& graph);

/// Memory times time (Little): what microbatches hold, for at least as long as they must, divided
/// by the `cap` of a rank.
double memory_bound(const Graph& graph, int64_t cap);

}  // namespace weft::schedule
