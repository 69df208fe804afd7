#pragma once

#include <functional>

#include "weft/base/logger.hpp"
#include "weft/comm/rank_context.hpp"

namespace weft::comm {

/// Compute threads of one rank when the user names no number: the machine's cores shared out among
/// `num_ranks` ranks, at least 1.
int default_threads_per_rank(int num_ranks);

/// A world whose ranks are threads of this process. Worlds share nothing: several can run at once.
class ThreadWorld {
 public:
  /// `threads_per_rank` 0 means default_threads_per_rank; the logger is shared by all ranks and
  /// must outlive the world.
  explicit ThreadWorld(Logger& logger, int threads_per_rank = 0)
      : logger_(logger), threads_per_rank_(threads_per_rank) {}

  /// Starts `num_ranks` threads, sets the number of compute threads of each, runs `rank_main` in
  /// all of them and returns when all have ended. When ranks fail, the error that came first in
  /// time is thrown again with its rank set; foreign exceptions become Error{internal}, exhausted
  /// memory Error{device}. Throws Error{usage} for a number of ranks below 1 and Error{device} when
  /// the system gives no thread.
  void run(int num_ranks, const std::function<void(RankContext&)>& rank_main);

 private:
  Logger& logger_;
  int threads_per_rank_;
};

}  // namespace weft::comm
