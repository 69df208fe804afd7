#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/schedule/graph.hpp"
#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::schedule {

/// An order, where it comes from and how long it takes.
struct GraphPlan {
  std::string name;  ///< "zb-h1", "list deep N=6"
  PipelineSchedule order;
  double makespan = 0;
  int64_t peak_charge = 0;  ///< largest of any rank
};

/// The order with the least makespan on `graph`, whose mapping and chunks are fixed and whose
/// durations may be any: of the static schedules that exist for it and of what list policies do,
/// those that hold at most `cap` on every rank. Ties go to the earlier in the list. Throws
/// Error{usage} when nothing fits the cap. A pure function: ranks that call it alike agree.
GraphPlan plan_graph(const Graph& graph, std::optional<int64_t> cap);

}  // namespace weft::schedule
