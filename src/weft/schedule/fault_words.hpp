#pragma once

#include <functional>
#include <string>

#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// How messages about a schedule speak of it: in ranks and tasks, or in the lines and cells of the
/// file that it came from.
struct FaultWords {
  std::function<std::string(int64_t stage, const Task& task)> task;
  std::function<std::string(int64_t rank)> place;
};

/// "F1.0 (stage 2)" and "rank 0"
FaultWords rank_words();

}  // namespace weft::schedule
