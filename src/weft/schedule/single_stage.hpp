#pragma once

#include <cstdint>

#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// The order without a pipeline (reference/megatron.md 7.1): each microbatch runs forward and then
/// backward before the next one starts, so that one microbatch's activations are held at a time.
Schedule accumulate(int64_t num_microbatches);

}  // namespace weft::schedule
