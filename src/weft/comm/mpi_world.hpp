#pragma once

#include <cstdint>
#include <functional>

#include "weft/base/logger.hpp"
#include "weft/comm/mpi_carrier.hpp"
#include "weft/comm/world.hpp"

namespace weft::comm {

/// A world with one rank per process, started by an MPI launcher. There is at most one in a
/// process's life, and all ranks make, use and destroy theirs alike. After a failure the process
/// must end with a non-zero exit code without further communication: the launcher ends the
/// others.
class MpiWorld final : public World {
 public:
  /// Starts MPI. Payloads of more than `max_message_bytes` travel in several MPI messages. Throws
  /// Error{communication} when MPI cannot start.
  MpiWorld(Logger& logger, WorldConfig config, int64_t max_message_bytes = int64_t{1} << 24);

  int rank() const { return carrier_.rank(); }
  int size() const { return carrier_.size(); }
  int local_size() const { return carrier_.local_size(); }

  /// As World::run; `num_ranks` must be size(). The function runs in the calling thread.
  void run(int num_ranks, const std::function<void(RankContext&)>& rank_main) override;

  bool has_first_rank() const override { return rank() == 0; }

  std::string_view kind() const override { return "mpi"; }

 private:
  Logger& logger_;
  WorldConfig config_;
  MpiCarrier carrier_;
};

}  // namespace weft::comm
