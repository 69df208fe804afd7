#include "weft/schedule/candidate.hpp"

#include <fmt/format.h>

#include <memory>

#include "weft/schedule/static_schedule.hpp"

namespace weft::schedule {

namespace {

Graph graph_of(const Candidate& candidate, const CostModel& model) {
  return make_graph(model, candidate.mapping, candidate.num_chunks, candidate.splits_backward);
}

bool needs_upward_ranks(ListKey key) {
  return key == ListKey::critical_path || key == ListKey::critical_path_by_kind;
}

ListPolicyConfig list_of(const Candidate& candidate, const Graph& nominal) {
  ListPolicyConfig config{candidate.key, candidate.wip_limit, nullptr};
  if (needs_upward_ranks(candidate.key)) {
    config.upward = std::make_shared<UpwardRanks>(upward_ranks(nominal));
  }
  return config;
}

PolicyFactory list_factory(const ListPolicyConfig& config) {
  return [&config](int64_t) { return std::make_unique<ListPolicy>(config); };
}

std::string order_name(const Candidate& candidate) {
  if (!candidate.static_name.empty()) return std::string(candidate.static_name);
  const std::string limit =
      candidate.wip_limit ? fmt::format(" N={}", *candidate.wip_limit) : std::string();
  return fmt::format("list {}{} {} {}", name(candidate.key), limit, name(candidate.mapping),
                     candidate.num_chunks);
}

}  // namespace

std::string name(const Candidate& candidate) {
  std::string order = order_name(candidate);
  if (candidate.mode == Candidate::Mode::dispatch) return order;
  std::string plan = candidate.static_name.empty() ? "plan of " + order : order;
  if (candidate.mode == Candidate::Mode::follow) return plan;
  return fmt::format("{} + fill({}, {})", plan, candidate.fill.alpha_weight,
                     candidate.fill.alpha_other);
}

PipelineSchedule order_of(const Candidate& candidate, const CostModel& nominal,
                          std::optional<int64_t> cap) {
  if (!candidate.static_name.empty()) {
    return make_static(static_schedule(candidate.static_name),
                       {nominal.num_ranks, candidate.num_chunks, nominal.num_microbatches});
  }
  const Graph graph = graph_of(candidate, nominal);
  const ListPolicyConfig list = list_of(candidate, graph);
  return simulate(graph, list_factory(list), {cap, MicrobatchOrder::in_order}).log.plan();
}

CandidateRunner::CandidateRunner(const Candidate& candidate, const CostModel& nominal,
                                 std::optional<int64_t> cap)
    : candidate_(candidate), cap_(cap) {
  if (candidate.mode == Candidate::Mode::dispatch) {
    list_ = list_of(candidate, graph_of(candidate, nominal));
    return;
  }
  order_ = order_of(candidate, nominal, cap);
  if (candidate.mode == Candidate::Mode::fill) {
    plan_ = std::make_shared<TimedPlan>(graph_of(candidate, nominal), order_);
  }
}

Simulation CandidateRunner::run(const CostModel& model, MicrobatchOrder order) const {
  return run(graph_of(candidate_, model), order);
}

Simulation CandidateRunner::run(const Graph& graph, MicrobatchOrder order) const {
  switch (candidate_.mode) {
    case Candidate::Mode::follow:
      return simulate(graph, order_);
    case Candidate::Mode::fill:
      return simulate(graph,
                      [this](int64_t rank) {
                        return std::make_unique<PlanPolicy>(plan_, rank, candidate_.fill);
                      },
                      {cap_, order});
    case Candidate::Mode::dispatch:
      return simulate(graph, list_factory(list_), {cap_, order});
  }
  return Simulation::of(graph);
}

}  // namespace weft::schedule
