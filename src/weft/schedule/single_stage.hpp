#pragma once

#include <cstdint>

#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// The order without a pipeline (reference/megatron.md 7.1): each microbatch runs forward and then
/// backward before the next one starts, so that one microbatch's activations are held at a time.
Schedule accumulate(int64_t num_microbatches);

/// Checks that `schedule` is a complete order for a single stage: every microbatch has its forward
/// once, then either D once, or B once followed by W once; microbatches of each kind come in order,
/// so that weight gradients are summed in microbatch order (design: FIFO per stage and kind).
/// Throws Error{usage} that names the task.
void validate_single_stage(const Schedule& schedule, int64_t num_microbatches);

/// Most microbatches that hold activations at once: from the start of F to the end of W or D.
int64_t max_in_flight(const Schedule& schedule);

/// Whether any task splits backward into B and W.
bool splits_backward(const Schedule& schedule);

}  // namespace weft::schedule
