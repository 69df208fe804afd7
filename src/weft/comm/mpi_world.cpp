#include "weft/comm/mpi_world.hpp"

#include <omp.h>
#include <sched.h>

#include <chrono>
#include <thread>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/comm/communicator.hpp"

namespace weft::comm {

namespace {

/// How long a rank that only repeats another's error lets the other speak: whoever ends first makes
/// the launcher end all. With the second that a report waits for answers, less than two.
constexpr std::chrono::milliseconds kLetReporterSpeak{700};

/// Cores that this process may use: those that the launcher bound it to, or its share of them.
int threads_of(const WorldConfig& config, int local_size) {
  if (config.threads_per_rank > 0) return config.threads_per_rank;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const bool known = sched_getaffinity(0, sizeof(cores), &cores) == 0;
  const auto machine = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  if (known && CPU_COUNT(&cores) < machine) return std::max(1, CPU_COUNT(&cores));
  return std::max(1, machine / std::max(1, local_size));
}

}  // namespace

MpiWorld::MpiWorld(Logger& logger, WorldConfig config, int64_t max_message_bytes)
    : logger_(logger),
      config_(std::move(config)),
      carrier_({max_message_bytes, config_.shares_memory}) {}

void MpiWorld::run(int num_ranks, const std::function<void(RankContext&)>& rank_main) {
  if (num_ranks != size()) {
    fail_with_hint(ErrorKind::usage, fmt::format("mpirun -np {} weft ...", num_ranks),
                   "--world-size is {} and MPI has {} ranks; expected equal numbers", num_ranks,
                   size());
  }
  const int compute_threads = threads_of(config_, local_size());
  omp_set_num_threads(compute_threads);
  Endpoint endpoint({.rank = rank(),
                     .world_size = size(),
                     .job = config_.job,
                     .timeout = config_.timeout,
                     .faults = config_.faults},
                    carrier_);
  Batch finished;
  carrier_.attach(endpoint, finished);
  {
    Communicator world(endpoint, RankGroup::world(size()));
    RankContext context{rank(), size(), compute_threads, logger_, &endpoint, &world};
    run_rank_main(context, rank_main,
                  [&](const Error& error) { carrier_.fail(endpoint, error, false); });
  }
  endpoint.set_ended();
  MessageHeader end_of_run;
  end_of_run.key.channel = endpoint.name_channel("the end of the run");
  try {
    endpoint.flush_delays();
    carrier_.announce_end();
    endpoint.wait(finished, end_of_run);
  } catch (const Error&) {
    // failure() has it
  }
  carrier_.detach();
  const std::exception_ptr failure = carrier_.failure();
  if (!failure) return endpoint.check_nothing_is_left();
  try {
    std::rethrow_exception(failure);
  } catch (const ReleasedError&) {
    std::this_thread::sleep_for(kLetReporterSpeak);
    throw;
  }
}

}  // namespace weft::comm
