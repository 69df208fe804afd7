#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::schedule {

int64_t PipelineSchedule::num_tasks() const {
  int64_t count = 0;
  for (const Schedule& rank : ranks) count += static_cast<int64_t>(rank.size());
  return count;
}

}  // namespace weft::schedule
