#include "weft/schedule/progress.hpp"

#include <limits>

namespace weft::schedule {

Progress::Progress(const StageMap& stages, int64_t slots)
    : stages_(static_cast<size_t>(stages.num_stages())),
      slots_(slots > 0 ? slots : std::numeric_limits<int64_t>::max()) {
  for (int64_t stage = 0; stage + 1 < stages.num_stages(); ++stage) {
    const bool crosses = stages.rank_of(stage) != stages.rank_of(stage + 1);
    at(stage).has_next = at(stage + 1).has_previous = true;
    at(stage).leaves_rank = at(stage + 1).enters_rank = crosses;
  }
}

}  // namespace weft::schedule
