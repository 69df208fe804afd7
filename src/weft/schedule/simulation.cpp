#include "weft/schedule/simulation.hpp"

#include <algorithm>

namespace weft::schedule {

int64_t Simulation::max_peak_charge() const {
  return peak_charge.empty() ? 0 : std::ranges::max(peak_charge);
}

Simulation Simulation::of(const Graph& graph) {
  Simulation result;
  result.log = {graph.stages(), graph.num_microbatches(), "units", {}};
  result.log.ranks.resize(static_cast<size_t>(graph.stages().num_ranks));
  return result;
}

void Simulation::summarise(const Graph& graph) {
  makespan = log.makespan();
  for (const auto& entries : log.ranks) {
    if (entries.empty()) continue;
    max_rank_span = std::max(max_rank_span, entries.back().end - entries.front().start);
  }
  const int64_t num_ranks = graph.stages().num_ranks;
  double work = 0;
  for (int64_t rank = 0; rank < num_ranks; ++rank) work += graph.work(rank);
  if (makespan > 0) bubble = 1 - work / static_cast<double>(num_ranks) / makespan;
}

}  // namespace weft::schedule
