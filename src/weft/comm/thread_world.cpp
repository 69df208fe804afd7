#include "weft/comm/thread_world.hpp"

#include <omp.h>

#include <algorithm>
#include <latch>
#include <numeric>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/comm/thread_carrier.hpp"

namespace weft::comm {

namespace {

/// Putting a thread to sleep and waking the core it left costs up to this much; whoever watches as
/// long first waits at most twice as long as the better of the two ways.
constexpr std::chrono::microseconds kWakeUp{50};

/// Ranks that share cores would watch instead of each other's work.
std::chrono::nanoseconds spin_of(int num_ranks) {
  const unsigned cores = std::thread::hardware_concurrency();
  return static_cast<unsigned>(num_ranks) <= cores ? kWakeUp : std::chrono::microseconds(0);
}

void check_config(const WorldConfig& config, int num_ranks) {
  check(num_ranks >= 1, ErrorKind::usage, "--world-size is {}; expected at least 1", num_ranks);
  check(config.threads_per_rank >= 0, ErrorKind::usage,
        "--threads-per-rank is {}; expected at least 1, or 0 for the machine's cores",
        config.threads_per_rank);
  for (const Fault& fault : config.faults) {
    if (fault.kind != Fault::Kind::stop) continue;
    fail_with_hint(ErrorKind::usage, "mpirun -np N weft ...",
                   "--inject stop needs one process per rank (got ranks that are threads)");
  }
}

}  // namespace

void ThreadWorld::run(int num_ranks, const std::function<void(RankContext&)>& rank_main) {
  check_config(config_, num_ranks);
  const int compute_threads =
      config_.threads_per_rank > 0 ? config_.threads_per_rank : default_threads_per_rank(num_ranks);
  ThreadCarrier carrier({.job = config_.job,
                         .timeout = config_.timeout,
                         .spin = spin_of(num_ranks),
                         .faults = config_.faults},
                        num_ranks);
  bool complete = false;  // written before the latch opens, read after it
  std::optional<Error> no_thread;
  std::latch start(1);
  {
    std::vector<std::jthread> ranks;
    ranks.reserve(static_cast<size_t>(num_ranks));
    const auto run_rank = [&](int rank) {
      start.wait();
      // A world that lacks a rank does not start: the others would wait for it.
      if (!complete) return;
      omp_set_num_threads(compute_threads);
      Endpoint& endpoint = carrier.endpoint(rank);
      Communicator world(endpoint, RankGroup::world(num_ranks));
      RankContext context{rank, num_ranks, compute_threads, logger_, &endpoint, &world};
      run_rank_main(context, rank_main,
                    [&](const Error& error) { carrier.fail(endpoint, error, false); });
      endpoint.set_ended();
    };
    try {
      for (int rank = 0; rank < num_ranks; ++rank) ranks.emplace_back(run_rank, rank);
      complete = true;
    } catch (const std::system_error& error) {
      no_thread.emplace(ErrorKind::device,
                        fmt::format("cannot start the thread of rank {} of {} ({})", ranks.size(),
                                    num_ranks, error.what()),
                        "choose a smaller --world-size");
    }
    start.count_down();
  }
  if (no_thread) throw Error(*no_thread);
  carrier.check_end();
}

}  // namespace weft::comm
