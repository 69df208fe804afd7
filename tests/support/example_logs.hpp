#pragma once

#include <cstdint>

#include "weft/schedule/commit_log.hpp"

namespace weft::schedule::testing {

/// How long the tasks of an example take; D takes as long as B and W.
struct ExampleTimes {
  double forward = 1;
  double backward_input = 1;
  double backward_weight = 1;
  double latency = 0;  ///< of a result that crosses ranks
};

/// The log of running `plan` with every task as early as its rank and its inputs allow. The plan
/// must not deadlock.
CommitLog run_plan(const PipelineSchedule& plan, const ExampleTimes& times = {});

/// One forward, one backward, the joint backward as D.
CommitLog one_f_one_b(int64_t num_ranks, int64_t num_microbatches, const ExampleTimes& times = {});

/// A wave of two chunks: all forwards, then all backwards as B and W, W at once after its B.
CommitLog split_wave(int64_t num_ranks, int64_t num_microbatches, const ExampleTimes& times = {});

/// A loop of any number of chunks: all forwards chunk by chunk, then all D in reverse.
CommitLog breadth_first(int64_t num_ranks, int64_t num_chunks, int64_t num_microbatches);

}  // namespace weft::schedule::testing
