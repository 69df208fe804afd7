#include "weft/schedule/task.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weft::schedule {

char letter(TaskKind kind) {
  switch (kind) {
    case TaskKind::forward:
      return 'F';
    case TaskKind::backward_input:
      return 'B';
    case TaskKind::backward_weight:
      return 'W';
    case TaskKind::backward:
      return 'D';
  }
  return '?';
}

std::string to_string(const Task& task) {
  return fmt::format("{}{}.{}", letter(task.kind), task.chunk, task.microbatch);
}

bool splits_backward(const Schedule& schedule) {
  return std::ranges::any_of(schedule, [](const Task& task) {
    return task.kind == TaskKind::backward_input || task.kind == TaskKind::backward_weight;
  });
}

}  // namespace weft::schedule
