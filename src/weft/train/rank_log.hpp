#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "weft/schedule/commit_log.hpp"

namespace weft::train {

/// What one rank did in a step, in microseconds since `start`, a time of its machine's clock.
struct RankLog {
  double start = 0;
  std::vector<schedule::CommitEntry> entries;
};

/// A log as numbers that travel between ranks, with room for `most` entries.
std::vector<double> pack(const RankLog& log, size_t most);
RankLog unpack(std::span<const double> packed);

/// The logs of all ranks of a step that they began together, counted from the earliest start. Where
/// clocks tell starts more than a minute apart the ranks are on machines with clocks of their own,
/// and every rank counts from its own start.
schedule::CommitLog join(const schedule::StageMap& stages, int64_t num_microbatches,
                         std::span<const RankLog> ranks);

}  // namespace weft::train
