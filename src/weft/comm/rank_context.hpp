#pragma once

#include <cassert>

#include "weft/base/logger.hpp"

namespace weft::comm {

class Communicator;
class Endpoint;

/// What one rank knows about itself; passed by reference to everything that runs in a rank.
struct RankContext {
  int rank = 0;
  int world_size = 1;
  int threads_per_rank = 1;  ///< compute threads of this rank's kernels
  Logger& logger;
  Endpoint* endpoint = nullptr;          ///< its way to the other ranks: groups, links and logs
  Communicator* communicator = nullptr;  ///< all ranks of the world

  /// The rank that writes what is said once for all ranks.
  bool is_first() const { return rank == 0; }

  /// Collectives among all ranks of the world.
  Communicator& world() const {
    assert(communicator != nullptr);
    return *communicator;
  }
};

}  // namespace weft::comm
