#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "weft/pipeline/rank_stages.hpp"
#include "weft/schedule/graph.hpp"
#include "weft/schedule/pipeline_schedule.hpp"
#include "weft/schedule/simulator.hpp"

namespace weft::pipeline {

/// Policies that decide the order of a step while it runs.
struct DynamicOrder {
  /// Estimated durations and latencies in microseconds, charges in activation slots.
  std::shared_ptr<const schedule::Graph> graph;
  schedule::PolicyFactory policy;
  std::optional<int64_t> cap;  ///< activation slots that a rank may hold
};

/// In which order a step runs, and what it takes on one rank.
struct StepPlan {
  /// The order of all ranks; with `dynamic` a plan that policies may know.
  schedule::PipelineSchedule order;
  StageSlots slots;
  std::optional<DynamicOrder> dynamic = std::nullopt;

  int64_t num_microbatches() const { return order.num_microbatches; }
  bool splits_backward() const;
};

/// A plan that follows `order`, with the slots that it needs on pipeline rank `rank`. Throws
/// Error{usage} when the order is not one that ends.
StepPlan follow(schedule::PipelineSchedule order, int64_t rank);

/// A plan whose policies decide, with the memory that they are given on pipeline rank `rank`.
/// Throws Error{usage} when the cap cannot hold one microbatch.
StepPlan decide(schedule::PipelineSchedule order, DynamicOrder dynamic, int64_t rank);

}  // namespace weft::pipeline
