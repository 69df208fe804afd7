#include "weft/pipeline/step_plan.hpp"

#include <algorithm>
#include <utility>

#include "weft/schedule/rank_state.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::pipeline {

bool StepPlan::splits_backward() const {
  return std::ranges::any_of(order.ranks, schedule::splits_backward) ||
         (dynamic && dynamic->graph->splits_backward());
}

StepPlan follow(schedule::PipelineSchedule order, int64_t rank) {
  schedule::validate(order);
  StepPlan plan;
  plan.slots.activations = schedule::peak_charge(order)[static_cast<size_t>(rank)];
  plan.slots.links = schedule::required_slots(order);
  plan.order = std::move(order);
  return plan;
}

StepPlan decide(schedule::PipelineSchedule order, DynamicOrder dynamic, int64_t rank) {
  const schedule::Graph& graph = *dynamic.graph;
  const schedule::RankState checked(graph, rank, dynamic.cap);
  StepPlan plan;
  plan.order = std::move(order);
  const int64_t all = graph.stages().num_chunks * graph.num_microbatches();
  plan.slots.activations = std::min(dynamic.cap.value_or(all), all);
  plan.dynamic = std::move(dynamic);
  return plan;
}

}  // namespace weft::pipeline
