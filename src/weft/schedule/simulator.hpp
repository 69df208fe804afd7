#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "weft/schedule/graph.hpp"
#include "weft/schedule/pipeline_schedule.hpp"
#include "weft/schedule/policy.hpp"
#include "weft/schedule/simulation.hpp"

namespace weft::schedule {

/// Runs the orders of `schedule` in the reference model (reference/schedules.md A.1): a task starts
/// when the one before it has ended and its inputs have arrived. The schedule may mix D with B and
/// W.
Simulation simulate(const Graph& graph, const PipelineSchedule& schedule);

/// Makes the policy of a rank.
using PolicyFactory = std::function<std::unique_ptr<Policy>(int64_t rank)>;

/// What a run of policies is held to.
struct PolicyLimits {
  std::optional<int64_t> cap{};  ///< memory of every rank, in the unit of the graph's charges
  MicrobatchOrder order = MicrobatchOrder::in_order;
};

/// Runs one policy per rank (A.1): at every time at which something ends or arrives, all of that is
/// applied, then the idle ranks are asked in order.
Simulation simulate(const Graph& graph, const PolicyFactory& policy,
                    const PolicyLimits& limits = {});

}  // namespace weft::schedule
