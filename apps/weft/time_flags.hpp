#pragma once

#include <string>

#include "apps/weft/simulate_request.hpp"
#include "weft/schedule/cost_model.hpp"

namespace weft::app {

/// Largest duration and latency, far below where sums of them lose their digits.
constexpr double kMostTime = 1e12;

/// The three durations of `--costs F,B,W`. Throws Error{usage} that names the flag.
void set_costs(const std::string& text, schedule::CostModel& model);

/// Durations, latencies and what disturbs them, from the flags of `weft simulate`; the model's
/// number of ranks is set. Throws Error{usage} that names the flag.
void set_times(const SimulateOptions& options, schedule::CostModel& model);

}  // namespace weft::app
