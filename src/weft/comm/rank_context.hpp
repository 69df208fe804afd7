#pragma once

#include "weft/base/logger.hpp"

namespace weft::comm {

/// What one rank knows about itself; passed by reference to everything that runs in a rank.
struct RankContext {
  int rank = 0;
  int world_size = 1;
  int threads_per_rank = 1;  ///< compute threads of this rank's kernels
  Logger& logger;

  /// The rank that writes what is said once for all ranks.
  bool is_first() const { return rank == 0; }
  /// The rank that writes the iteration lines, as in Megatron.
  bool is_last() const { return rank == world_size - 1; }
};

}  // namespace weft::comm
