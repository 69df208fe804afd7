#pragma once

#include <optional>
#include <string>

#include "weft/schedule/fault_words.hpp"
#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::schedule {

/// What is wrong with the order of one rank by itself; nothing when it is complete: every stage of
/// the rank runs every microbatch once, as F and then either D, or B and then W, and microbatches
/// in ascending order. D takes the place of both B and W in that order, so that weight gradients
/// are summed in microbatch order whoever makes them (design: FIFO per stage and kind).
std::optional<std::string> find_order_fault(const PipelineSchedule& schedule, int64_t rank,
                                            const FaultWords& words);

}  // namespace weft::schedule
