#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/schedule/cost_model.hpp"
#include "weft/schedule/list_policy.hpp"
#include "weft/schedule/plan_policy.hpp"
#include "weft/schedule/simulator.hpp"

namespace weft::schedule {

/// One way to run a pipeline: where its order comes from, and how strictly it is followed.
struct Candidate {
  /// A static schedule by name; empty: a list policy with `key` and `wip_limit`.
  std::string_view static_name{};
  ListKey key = ListKey::depth_first;
  std::optional<int64_t> wip_limit{};

  Mapping mapping = Mapping::loop;
  int64_t num_chunks = 1;
  bool splits_backward = true;

  /// follow: exactly the order (of the static schedule, or the list policy's on exact estimates);
  /// fill: the order, gaps filled by `fill`; dispatch: the list policy decides at run time.
  enum class Mode : uint8_t { follow, fill, dispatch };
  Mode mode = Mode::follow;
  FillRule fill{};
};

/// "zb-v", "zb-v + fill(1, 0)", "list deep N=12 wave 2", "plan of list deep N=12 wave 2 + fill(0,
/// 0)"
std::string name(const Candidate& candidate);

/// The order that a candidate follows: the static schedule, or what its list policy does in the
/// nominal model under `cap`. Throws Error{usage} when the static schedule does not exist for the
/// model.
PipelineSchedule order_of(const Candidate& candidate, const CostModel& nominal,
                          std::optional<int64_t> cap);

/// Runs candidates in a model and keeps what does not depend on the draw of its durations.
class CandidateRunner {
 public:
  /// `nominal`: the model without its random factors, which estimates are taken from. `cap` in
  /// atoms.
  CandidateRunner(const Candidate& candidate, const CostModel& nominal, std::optional<int64_t> cap);

  /// One step with the durations that `model` draws.
  Simulation run(const CostModel& model, MicrobatchOrder order = MicrobatchOrder::in_order) const;
  /// The same on a graph of run's mapping and chunks.
  Simulation run(const Graph& graph, MicrobatchOrder order = MicrobatchOrder::in_order) const;

 private:
  Candidate candidate_;
  std::optional<int64_t> cap_;
  PipelineSchedule order_;                 ///< of follow
  std::shared_ptr<const TimedPlan> plan_;  ///< of fill
  ListPolicyConfig list_;                  ///< of dispatch
};

}  // namespace weft::schedule
