#pragma once

#include <string>

#include "weft/schedule/commit_log.hpp"

namespace weft::observe {

/// The log as trace events in JSON, which ui.perfetto.dev and chrome://tracing open: a thread per
/// rank with a slice per task, arrows along the messages between ranks, and a counter per rank of
/// the microbatches whose activations it holds, over all its chunks (from the start of F to the end
/// of W or D). A slice's category is its kind; its arguments are stage, chunk, microbatch and when
/// its input arrived. Times are in microseconds, rounded to nanoseconds; the unit of a simulation
/// is shown as a millisecond.
std::string to_chrome_trace(const schedule::CommitLog& log);

}  // namespace weft::observe
