#pragma once

#include <functional>

#include "weft/base/logger.hpp"
#include "weft/comm/world.hpp"

namespace weft::comm {

/// A world whose ranks are threads of this process. Worlds share nothing: several can run at once.
class ThreadWorld final : public World {
 public:
  /// The logger is shared by all ranks and must outlive the world.
  ThreadWorld(Logger& logger, WorldConfig config) : logger_(logger), config_(std::move(config)) {}
  /// `threads_per_rank` 0 means default_threads_per_rank.
  explicit ThreadWorld(Logger& logger, int threads_per_rank = 0)
      : ThreadWorld(logger, WorldConfig{.threads_per_rank = threads_per_rank}) {}

  /// Starts `num_ranks` threads, sets the number of compute threads of each, runs `rank_main` in
  /// all of them and returns when all have ended. When ranks fail, the error that came first in
  /// time is thrown again with its rank set; foreign exceptions become Error{internal}, exhausted
  /// memory Error{device}. Throws Error{usage} for a number of ranks below 1 and Error{device} when
  /// the system gives no thread.
  void run(int num_ranks, const std::function<void(RankContext&)>& rank_main) override;

  std::string_view kind() const override { return "threads"; }

 private:
  Logger& logger_;
  WorldConfig config_;
};

}  // namespace weft::comm
