#include "weft/schedule/task.hpp"

#include <fmt/format.h>

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

}  // namespace weft::schedule
