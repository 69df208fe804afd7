#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/schedule/candidate.hpp"
#include "weft/schedule/cost_model.hpp"
#include "weft/schedule/planner.hpp"
#include "weft/schedule/turn_policy.hpp"

namespace weft::app {

/// The flags of `weft simulate`, as given.
struct SimulateOptions {
  std::string schedule;
  std::string csv;
  std::string policy;
  std::string scan;  ///< empty: bfc
  std::string mapping;
  std::optional<int64_t> chunks;
  std::optional<int64_t> pp;
  std::optional<int64_t> vpp;
  std::optional<int64_t> microbatches;
  std::optional<int64_t> group_size;
  std::string costs = "1,1,1";
  double first_weight = 1;
  double last_weight = 1;
  double latency = 0;
  std::vector<std::string> slow_ranks;
  double jitter = 0;
  double link_jitter = 0;
  double length_jitter = 0;
  int64_t seed = 1;
  std::optional<double> cap;
  std::string wip;
  bool no_split_backward = false;
  bool any_order = false;

  bool draw = false;
  std::string svg;
  std::optional<double> svg_until;
  std::string trace;
  std::string csv_out;
  std::string commit_log;
};

/// What was simulated and what came out.
struct SimulateResult {
  std::string title;
  schedule::CostModel model;
  schedule::Graph graph;
  schedule::Simulation run;
  std::optional<int64_t> cap_atoms;
  double lower_bound = 0;
  std::optional<schedule::PlannedStep> plan;  ///< of policy auto

  double gap() const { return lower_bound > 0 ? run.makespan / lower_bound - 1 : 0; }
  /// An amount of memory in VPP chunks of one microbatch.
  double units(int64_t atoms) const {
    return static_cast<double>(atoms) / static_cast<double>(model.atoms_per_unit());
  }
};

/// Checks the flags and runs what they ask for. Throws Error that names the flag to change.
SimulateResult run_simulation(const SimulateOptions& options);

}  // namespace weft::app
