#include "weft/schedule/single_stage.hpp"

#include <algorithm>
#include <array>

#include "weft/base/error.hpp"

namespace weft::schedule {

Schedule accumulate(int64_t num_microbatches) {
  Schedule schedule;
  for (int64_t microbatch = 0; microbatch < num_microbatches; ++microbatch) {
    schedule.push_back({TaskKind::forward, 0, microbatch});
    schedule.push_back({TaskKind::backward, 0, microbatch});
  }
  return schedule;
}

void validate_single_stage(const Schedule& schedule, int64_t num_microbatches) {
  const bool split = splits_backward(schedule);
  std::array<int64_t, 4> done{};  // microbatches finished, by kind
  const auto count = [&done](TaskKind kind) -> int64_t& { return done[static_cast<size_t>(kind)]; };
  for (const Task& task : schedule) {
    check(task.chunk == 0, ErrorKind::usage, "task {} has chunk {}, a single stage has chunk 0",
          to_string(task), task.chunk);
    check(task.microbatch == count(task.kind), ErrorKind::usage,
          "task {} comes where microbatch {} of its kind is due", to_string(task),
          count(task.kind));
    const TaskKind before =
        task.kind == TaskKind::backward_weight ? TaskKind::backward_input : TaskKind::forward;
    check(task.kind == TaskKind::forward || task.microbatch < count(before), ErrorKind::usage,
          "task {} comes before {}", to_string(task),
          to_string({before, task.chunk, task.microbatch}));
    check(task.kind != TaskKind::backward || !split, ErrorKind::usage,
          "task {} joins what B and W tasks of the same schedule split", to_string(task));
    ++count(task.kind);
  }
  const int64_t finished = split ? count(TaskKind::backward_weight) : count(TaskKind::backward);
  check(count(TaskKind::forward) == num_microbatches && finished == num_microbatches,
        ErrorKind::usage, "the schedule finishes {} of {} microbatches", finished,
        num_microbatches);
}

int64_t max_in_flight(const Schedule& schedule) {
  int64_t held = 0;
  int64_t peak = 0;
  for (const Task& task : schedule) {
    if (task.kind == TaskKind::forward) peak = std::max(peak, ++held);
    if (task.kind == TaskKind::backward_weight || task.kind == TaskKind::backward) --held;
  }
  return peak;
}

bool splits_backward(const Schedule& schedule) {
  return std::ranges::any_of(schedule, [](const Task& task) {
    return task.kind == TaskKind::backward_input || task.kind == TaskKind::backward_weight;
  });
}

}  // namespace weft::schedule
