#include "weft/schedule/graph_planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/schedule/list_policy.hpp"
#include "weft/schedule/simulator.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace weft::schedule {

namespace {

/// Rounding of makespans: below this share of one another they are equal.
constexpr double kEqual = 1e-9;

/// The best so far.
class Search {
 public:
  Search(const Graph& graph, std::optional<int64_t> cap) : graph_(graph), cap_(cap) {}

  void add_statics() {
    const StageMap& stages = graph_.stages();
    for (const StaticSchedule& named : static_schedules()) {
      if (named.mapping != stages.mapping) continue;
      if (named.num_chunks(stages.num_chunks) != stages.num_chunks) continue;
      if (named.splits_backward && !graph_.splits_backward()) continue;
      PipelineSchedule order;
      try {
        order = make_static(named, {.num_ranks = stages.num_ranks,
                                    .virtual_chunks = stages.num_chunks,
                                    .num_microbatches = graph_.num_microbatches()});
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::usage) throw;
        continue;  // it does not exist for that many microbatches
      }
      Simulation run = simulate(graph_, order);
      offer(std::string(named.name), std::move(order), run);
    }
  }

  void add_lists() {
    const auto upward = std::make_shared<UpwardRanks>(upward_ranks(graph_));
    for (const ListKey key :
         {ListKey::depth_first, ListKey::deep, ListKey::breadth_first, ListKey::critical_path}) {
      for (const std::optional<int64_t> limit : wip_limits()) {
        const ListPolicyConfig config{.key = key, .wip_limit = limit, .upward = upward};
        const Simulation run = simulate(
            graph_, [&](int64_t) { return std::make_unique<ListPolicy>(config); }, {.cap = cap_});
        offer(fmt::format("list {}{}", schedule::name(key),
                          limit ? fmt::format(" N={}", *limit) : std::string()),
              run.log.plan(), run);
      }
    }
  }

  GraphPlan take() {
    check(best_.has_value(), ErrorKind::usage,
          "no order of the pipeline's tasks fits a memory cap of {}", cap_.value_or(0));
    return std::move(*best_);
  }

 private:
  /// Microbatches in flight that the cap is worth, times three factors.
  std::vector<std::optional<int64_t>> wip_limits() const {
    if (!cap_) return {std::nullopt};
    const double full =
        static_cast<double>(*cap_) / static_cast<double>(std::max<int64_t>(1, graph_.least_cap(0)));
    std::vector<std::optional<int64_t>> limits;
    for (const double factor : {0.75, 1.0, 1.5}) {
      const int64_t limit = std::max<int64_t>(1, static_cast<int64_t>(factor * full));
      if (limits.empty() || limits.back() != limit) limits.emplace_back(limit);
    }
    return limits;
  }

  void offer(std::string name, PipelineSchedule order, const Simulation& run) {
    if (!run.deadlock.empty()) return;
    if (cap_ && run.max_peak_charge() > *cap_) return;
    if (best_ && run.makespan >= best_->makespan * (1 - kEqual)) return;
    best_ = GraphPlan{std::move(name), std::move(order), run.makespan, run.max_peak_charge()};
  }

  const Graph& graph_;
  std::optional<int64_t> cap_;
  std::optional<GraphPlan> best_;
};

}  // namespace

GraphPlan plan_graph(const Graph& graph, std::optional<int64_t> cap) {
  Search search(graph, cap);
  search.add_statics();
  search.add_lists();
  return search.take();
}

}  // namespace weft::schedule
