#pragma once

#include "apps/weft/simulate_request.hpp"
#include "weft/schedule/cost_model.hpp"

namespace weft::app {

/// Largest duration and latency, far below where sums of them lose their digits.
constexpr double kMostTime = 1e12;

/// Durations, latencies and what disturbs them, from the flags of `weft simulate`; the model's
/// number of ranks is set. Throws Error{usage} that names the flag.
void set_times(const SimulateOptions& options, schedule::CostModel& model);

}  // namespace weft::app
