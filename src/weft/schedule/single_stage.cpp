#include "weft/schedule/single_stage.hpp"

namespace weft::schedule {

Schedule accumulate(int64_t num_microbatches) {
  Schedule schedule;
  for (int64_t microbatch = 0; microbatch < num_microbatches; ++microbatch) {
    schedule.push_back({TaskKind::forward, 0, microbatch});
    schedule.push_back({TaskKind::backward, 0, microbatch});
  }
  return schedule;
}

}  // namespace weft::schedule
