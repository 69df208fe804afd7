#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weft::schedule {

/// What a task does: forward, input gradient, weight gradient, or both gradients as one task.
enum class TaskKind : uint8_t { forward, backward_input, backward_weight, backward };
inline constexpr size_t kNumTaskKinds = 4;

/// "F", "B", "W" or "D"
char letter(TaskKind kind);

/// One piece of work: a kind, a model chunk and a microbatch.
struct Task {
  TaskKind kind = TaskKind::forward;
  int64_t chunk = 0;
  int64_t microbatch = 0;

  friend auto operator<=>(const Task&, const Task&) = default;
};

/// "F0.3": kind, chunk, microbatch.
std::string to_string(const Task& task);

/// The tasks of one rank in the order in which it runs them.
using Schedule = std::vector<Task>;

/// Whether any task splits backward into B and W.
bool splits_backward(const Schedule& schedule);

}  // namespace weft::schedule
