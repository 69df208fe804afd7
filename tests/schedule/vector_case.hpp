#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "weft/schedule/cost_model.hpp"
#include "weft/schedule/list_policy.hpp"
#include "weft/schedule/simulator.hpp"
#include "weft/schedule/static_schedule.hpp"

// The names that the schedule vectors use (reference/schedules.md 3.1, A.2, A.6).

namespace weft::testing {

/// "loop4", "wave2": a mapping and its chunks per rank.
struct Placement {
  schedule::Mapping mapping = schedule::Mapping::loop;
  int64_t num_chunks = 1;

  static Placement parse(std::string_view text) {
    const bool loop = text.starts_with("loop");
    return {loop ? schedule::Mapping::loop : schedule::Mapping::wave,
            std::stoll(std::string(text.substr(4)))};
  }
  schedule::Graph graph(const schedule::CostModel& model, bool splits_backward) const {
    return make_graph(model, mapping, num_chunks, splits_backward);
  }
};

/// "PP4_VPP4_M8", and whatever follows.
inline schedule::CostModel configuration(const std::string& name) {
  const auto number_after = [&name](const char* word) {
    return std::stoll(name.substr(name.find(word) + std::string_view(word).size()));
  };
  schedule::CostModel model;
  model.num_ranks = number_after("PP");
  model.virtual_chunks = number_after("_VPP");
  model.num_microbatches = number_after("_M");
  return model;
}

/// "uniform", "slow_rank", "latency" or "jitter_seedN".
inline schedule::CostModel in_scenario(schedule::CostModel model, const std::string& scenario) {
  if (scenario == "slow_rank") {
    model.rank_slowdown = schedule::slow_rank(model.num_ranks, model.num_ranks / 2, 1.5);
  }
  if (scenario == "latency") model.latency = 0.5;
  if (scenario.starts_with("jitter_seed")) {
    model.jitter_sigma = 0.3;
    model.seed = std::stoull(scenario.substr(std::string_view("jitter_seed").size()));
  }
  return model;
}

/// What is known before the step: everything but jitter. Microbatches are as long as they are.
inline schedule::CostModel nominal(schedule::CostModel model) {
  model.jitter_sigma = 0;
  model.link_jitter_sigma = 0;
  return model;
}

/// A static schedule under the vectors' name for it.
inline const schedule::StaticSchedule& vector_schedule(const std::string& name) {
  if (name == "looped_bfs") return schedule::static_schedule("breadth-first");
  if (name == "interleaved_1f1b") return schedule::static_schedule("interleaved");
  return schedule::static_schedule(name);
}

inline schedule::PipelineSchedule make_static(const schedule::StaticSchedule& schedule,
                                              const schedule::CostModel& model) {
  return schedule::make_static(schedule,
                               {model.num_ranks, model.virtual_chunks, model.num_microbatches});
}

inline schedule::Graph graph_of(const schedule::StaticSchedule& schedule,
                                const schedule::CostModel& model) {
  return make_graph(model, schedule.mapping, schedule.num_chunks(model.virtual_chunks),
                    schedule.splits_backward);
}

/// One list policy for all ranks.
inline schedule::PolicyFactory list_policies(const schedule::ListPolicyConfig& config) {
  return [config](int64_t) { return std::make_unique<schedule::ListPolicy>(config); };
}

/// Budgets in VPP chunks (3.3): half, 1F1B's, interleaved 1F1B's, twice 1F1B's.
inline int64_t budget(const schedule::CostModel& model, std::string_view name) {
  const int64_t full = model.num_ranks * model.virtual_chunks;
  if (name == "half") return std::max(full / 2, model.virtual_chunks + 1);
  if (name == "ilv") return full + model.num_ranks - 1;
  return name == "2x" ? 2 * full : full;
}

}  // namespace weft::testing
