#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/comm/fault.hpp"
#include "weft/comm/rank_context.hpp"

namespace weft::comm {

/// What is the same for all ranks of a world.
struct WorldConfig {
  int threads_per_rank = 0;  ///< compute threads of a rank; 0: the machine's cores shared out
  /// Deadline of every blocking wait (Megatron's --distributed-timeout-minutes, default 10).
  std::chrono::duration<double> timeout{600.0};
  uint64_t job = 0;  ///< part of every message's header; equal on all ranks
  /// Whether processes of one machine read each other's link buffers; else MPI moves all payloads.
  bool shares_memory = true;
  std::vector<Fault> faults = {};  ///< injected on purpose (parse_faults)
};

/// Ranks that run one function and can communicate.
class World {
 public:
  virtual ~World() = default;

  /// Runs `rank_main` on `num_ranks` ranks and returns when all have ended. When ranks fail, the
  /// others' waits throw, and the error that came first in time is thrown again with its rank set:
  /// as it is where it happened, as ReleasedError in other processes. Throws Error{usage} for a
  /// number of ranks that this world cannot have.
  virtual void run(int num_ranks, const std::function<void(RankContext&)>& rank_main) = 0;

  /// Whether rank 0 is in this process.
  virtual bool has_first_rank() const { return true; }

  /// "threads" or "mpi"
  virtual std::string_view kind() const = 0;
};

/// The error of a rank in another process, which reports it itself.
class ReleasedError : public Error {
 public:
  explicit ReleasedError(const Error& error) : Error(error) {}
};

/// Compute threads of one rank when the user names no number: the machine's cores shared out among
/// `num_ranks` ranks, at least 1.
int default_threads_per_rank(int num_ranks);

/// Runs `rank_main` and returns what it threw as an Error of this rank: foreign exceptions become
/// Error{internal}, exhausted memory Error{device}. `report` is called with the error while the
/// exception still lives.
void run_rank_main(RankContext& context, const std::function<void(RankContext&)>& rank_main,
                   const std::function<void(const Error&)>& report);

}  // namespace weft::comm
