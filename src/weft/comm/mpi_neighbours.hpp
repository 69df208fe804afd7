#pragma once

#include <mpi.h>

#include <memory>
#include <vector>

#include "weft/comm/shared_memory.hpp"

namespace weft::comm {

/// Memory that the processes of one machine let each other read, so that a payload needs one copy
/// and no rights that containers withhold. Made by the thread that makes the MPI calls.
class MpiNeighbours {
 public:
  /// `local` has this machine's ranks of `world`; all of them call it, with equal `shares_memory`.
  MpiNeighbours(MPI_Comm world, MPI_Comm local, bool shares_memory);

  /// The memory whose contents `rank` can read; null for ranks of other machines and without
  /// shared memory. May be called by any thread.
  SharedMemory* memory_for(int rank) const;
  /// What this rank can read of `rank`; null as above.
  SharedMemoryView* memory_of(int rank) const;

  /// Leaves messages readable until the process ends, after a failure.
  void abandon() {
    if (own_) own_->keep_contents();
  }

 private:
  std::unique_ptr<SharedMemory> own_;
  std::vector<std::unique_ptr<SharedMemoryView>> views_;  // by rank of the world
  std::vector<char> reads_own_;                           // by rank of the world
};

}  // namespace weft::comm
