#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/schedule/fault_words.hpp"
#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::schedule {

/// What a schedule has to live with. The default asks for nothing but a schedule that ends.
struct ScheduleLimits {
  /// [stage] Memory that one microbatch holds from the start of F to the end of W or D, in any one
  /// unit; empty: 1 for every stage.
  std::vector<int64_t> charges{};
  /// [rank] Most memory held at once, in the unit of the charges; empty: no limit.
  std::vector<int64_t> caps{};
  /// Receiver slots of every channel between two ranks: message i has to be consumed before message
  /// i + slots is produced; 0: no channel runs out of slots.
  int64_t slots = 0;
};

/// Checks that `schedule` can be run from its first task to its last: every rank's order is
/// complete (find_order_fault), memory stays within the caps, and dependencies
/// (reference/schedules.md A.1), rank orders and slots form no cycle (end of its 2.4). Throws
/// Error{usage} that names the tasks.
void validate(const PipelineSchedule& schedule, const ScheduleLimits& limits = {});

/// The message of validate's error in other words; nothing when the schedule is valid.
std::optional<std::string> find_fault(const PipelineSchedule& schedule,
                                      const ScheduleLimits& limits, const FaultWords& words);

/// Fewest receiver slots per channel, at least 2, with which `schedule` can be run. Throws as
/// validate does when it cannot be run with any.
int64_t required_slots(const PipelineSchedule& schedule);

/// [rank] Most memory that a rank holds at once in a valid schedule; `charges` as in
/// ScheduleLimits.
std::vector<int64_t> peak_charge(const PipelineSchedule& schedule,
                                 const std::vector<int64_t>& charges = {});

}  // namespace weft::schedule
