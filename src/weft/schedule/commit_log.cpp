#include "weft/schedule/commit_log.hpp"

#include <algorithm>

namespace weft::schedule {

double CommitLog::makespan() const {
  double last = 0;
  for (const auto& rank : ranks) {
    if (!rank.empty()) last = std::max(last, rank.back().end);
  }
  return last;
}

PipelineSchedule CommitLog::plan() const {
  PipelineSchedule plan{stages, num_microbatches, {}};
  for (const auto& entries : ranks) {
    Schedule& order = plan.ranks.emplace_back();
    order.reserve(entries.size());
    for (const CommitEntry& entry : entries) order.push_back(entry.task);
  }
  return plan;
}

}  // namespace weft::schedule
