#include "weft/schedule/fault_words.hpp"

#include <fmt/format.h>

namespace weft::schedule {

FaultWords rank_words() {
  return {[](int64_t stage, const Task& task) {
            return fmt::format("{} (stage {})", to_string(task), stage);
          },
          [](int64_t rank) { return fmt::format("rank {}", rank); }};
}

}  // namespace weft::schedule
