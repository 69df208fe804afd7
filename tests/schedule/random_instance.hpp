#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <random>

#include "schedule/random_schedule.hpp"
#include "schedule/vector_case.hpp"
#include "weft/schedule/plan_policy.hpp"
#include "weft/schedule/turn_policy.hpp"
#include "weft/schedule/validate.hpp"

// Random pipelines with policies that run them: any shape, times, latencies and charges, any cap
// under which a step can end.

namespace weft::testing {

using schedule::FillRule;
using schedule::Graph;
using schedule::ListKey;
using schedule::ListPolicyConfig;
using schedule::Mapping;
using schedule::MicrobatchOrder;
using schedule::PipelineSchedule;
using schedule::PlanPolicy;
using schedule::PolicyFactory;
using schedule::PolicyLimits;
using schedule::StageMap;
using schedule::TaskKind;
using schedule::TimedPlan;
using schedule::TurnPolicy;
using schedule::TurnScan;
using schedule::UpwardRanks;

/// Largest shape of an instance.
struct Sizes {
  int64_t ranks;
  int64_t chunks;
  int64_t microbatches;
};
inline constexpr Sizes kSmall{8, 4, 16};
inline constexpr Sizes kFull{16, 4, 64};

class Draw {
 public:
  explicit Draw(uint64_t seed) : random_(seed) {}

  std::mt19937_64& random() { return random_; }
  bool chance(int64_t percent) { return between(1, 100) <= percent; }
  int64_t between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random_() % static_cast<uint64_t>(most - least + 1));
  }
  /// 1 to `most`, the small ones more often.
  int64_t up_to(int64_t most) { return std::min(between(1, most), between(1, most)); }
  double real(double most) { return most * static_cast<double>(random_() >> 11) * 0x1p-53; }

 private:
  std::mt19937_64 random_;
};

/// Times that are all different, or small whole numbers so that much happens at one time, with
/// some zeros.
inline void draw_times(Draw& draw, Graph& graph) {
  const bool whole = draw.chance(40);
  const auto time = [&](double most) {
    return whole ? static_cast<double>(draw.between(0, 3)) : draw.real(most);
  };
  const double latency = draw.chance(30) ? 0 : draw.real(5);
  for (int64_t stage = 0; stage < graph.stages().num_stages(); ++stage) {
    graph.set_charge(stage, draw.between(1, 9));
    for (int64_t m = 0; m < graph.num_microbatches(); ++m) {
      for (const TaskKind kind :
           {TaskKind::forward, TaskKind::backward_input, TaskKind::backward_weight}) {
        graph.set_duration(kind, stage, m, time(2));
      }
      if (latency == 0) continue;
      graph.set_forward_latency(stage, m, time(latency));
      graph.set_backward_latency(stage, m, time(latency));
    }
  }
}

inline Graph draw_graph(Draw& draw, const Sizes& sizes, bool splits_backward) {
  const StageMap stages{draw.chance(50) ? Mapping::loop : Mapping::wave, draw.up_to(sizes.ranks),
                        draw.up_to(sizes.chunks)};
  Graph graph(stages, draw.up_to(sizes.microbatches), splits_backward);
  draw_times(draw, graph);
  if (draw.chance(30)) {
    for (int64_t stage = 0; stage < stages.num_stages(); ++stage) graph.set_charge(stage, 1);
  }
  return graph;
}

inline int64_t least_cap(const Graph& graph) {
  int64_t least = 0;
  for (int64_t rank = 0; rank < graph.stages().num_ranks; ++rank) {
    least = std::max(least, graph.least_cap(rank));
  }
  return least;
}

/// Most often tight: where the banker has something to do.
inline int64_t draw_cap(Draw& draw, int64_t least, int64_t num_microbatches) {
  if (draw.chance(25)) return least;
  const int64_t most = draw.chance(60) ? least * 3 : least * std::max<int64_t>(1, num_microbatches);
  return draw.between(least, std::max(most, least));
}

/// A policy for every rank, and what it is held to.
struct Instance {
  Graph graph;
  PolicyLimits limits;
  PolicyFactory policy;
  std::optional<ListPolicyConfig> list{};
};

inline Instance list_instance(Draw& draw, const Sizes& sizes) {
  Instance instance{draw_graph(draw, sizes, draw.chance(70)), {}, {}};
  const Graph& graph = instance.graph;
  constexpr std::array kKeys = {ListKey::depth_first, ListKey::breadth_first, ListKey::deep,
                                ListKey::critical_path, ListKey::critical_path_by_kind};
  ListPolicyConfig config{.key = kKeys[draw.random()() % kKeys.size()]};
  if (draw.chance(50)) config.wip_limit = draw.between(1, graph.num_microbatches());
  config.upward = std::make_shared<UpwardRanks>(upward_ranks(graph));
  if (draw.chance(85)) {
    instance.limits.cap = draw_cap(draw, least_cap(graph), graph.num_microbatches());
  }
  if (draw.chance(10)) instance.limits.order = MicrobatchOrder::as_they_arrive;
  instance.policy = list_policies(config);
  instance.list = std::move(config);
  return instance;
}

/// Follows a random order that may mix joined and split backwards; times differ from the plan's.
inline Instance plan_instance(Draw& draw, const Sizes& sizes) {
  Graph graph = draw_graph(draw, sizes, true);
  const PipelineSchedule order =
      ScheduleDraw(graph.stages(), graph.num_microbatches(), draw.random()).run();
  const auto plan = std::make_shared<TimedPlan>(graph, order);
  std::vector<int64_t> charges;
  for (int64_t stage = 0; stage < graph.stages().num_stages(); ++stage) {
    charges.push_back(graph.charge(stage));
  }
  const int64_t peak = std::ranges::max(peak_charge(order, charges));
  std::optional<FillRule> rule;
  if (draw.chance(85)) {
    rule = {draw.real(1), draw.real(1), draw.between(1, 64)};
    if (draw.chance(30)) rule->alpha_weight = rule->alpha_other = 0;
  }
  if (draw.chance(70)) {
    Graph actual = graph;
    draw_times(draw, actual);
    for (int64_t stage = 0; stage < graph.stages().num_stages(); ++stage) {
      actual.set_charge(stage, graph.charge(stage));
    }
    graph = std::move(actual);
  }
  PolicyLimits limits;
  if (draw.chance(80)) limits.cap = peak + (draw.chance(50) ? 0 : draw.between(0, 2 * peak));
  if (draw.chance(10)) limits.order = MicrobatchOrder::as_they_arrive;
  return {std::move(graph), limits,
          [plan, rule](int64_t rank) { return std::make_unique<PlanPolicy>(plan, rank, rule); }};
}

inline Instance turn_instance(Draw& draw, const Sizes& sizes) {
  Graph graph({Mapping::loop, draw.up_to(sizes.ranks), draw.up_to(sizes.chunks)},
              draw.up_to(sizes.microbatches), false);
  draw_times(draw, graph);
  constexpr std::array kScans = {TurnScan::bfc, TurnScan::group, TurnScan::dfc};
  const TurnScan scan = kScans[draw.random()() % kScans.size()];
  return {std::move(graph), {}, [scan](int64_t) { return std::make_unique<TurnPolicy>(scan); }};
}

inline Instance draw_instance(uint64_t seed, const Sizes& sizes) {
  Draw draw(seed);
  const int64_t kind = draw.between(1, 100);
  if (kind <= 75) return list_instance(draw, sizes);
  if (kind <= 92) return plan_instance(draw, sizes);
  return turn_instance(draw, sizes);
}

}  // namespace weft::testing
