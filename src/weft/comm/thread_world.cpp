#include "weft/comm/thread_world.hpp"

#include <omp.h>

#include <algorithm>
#include <exception>
#include <latch>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "weft/base/error.hpp"

namespace weft::comm {

namespace {

/// Keeps the first of the errors that several ranks report.
class FirstError {
 public:
  void report(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::make_exception_ptr(error);
  }
  /// Throws the error again, if there is one. Call it when no rank runs any more.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr error_;
};

/// Runs `rank_main` and turns everything it throws into an Error of this rank.
void run_rank(RankContext& context, const std::function<void(RankContext&)>& rank_main,
              FirstError& first_error) {
  const auto report = [&](Error error) {
    if (error.rank() < 0) error.set_rank(context.rank);
    first_error.report(error);
  };
  try {
    rank_main(context);
  } catch (const Error& error) {
    report(error);
  } catch (const std::bad_alloc&) {
    report(Error(ErrorKind::device, "the host's memory is exhausted"));
  } catch (const std::exception& error) {
    report(Error(ErrorKind::internal, error.what()));
  } catch (...) {
    report(Error(ErrorKind::internal, "an exception of unknown type ended the rank"));
  }
}

}  // namespace

int default_threads_per_rank(int num_ranks) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, cores / std::max(1, num_ranks));
}

void ThreadWorld::run(int num_ranks, const std::function<void(RankContext&)>& rank_main) {
  check(num_ranks >= 1, ErrorKind::usage, "--world-size is {}; expected at least 1", num_ranks);
  check(threads_per_rank_ >= 0, ErrorKind::usage,
        "--threads-per-rank is {}; expected at least 1, or 0 for the machine's cores",
        threads_per_rank_);
  const int compute_threads =
      threads_per_rank_ > 0 ? threads_per_rank_ : default_threads_per_rank(num_ranks);

  FirstError first_error;
  bool complete = false;  // written before the latch opens, read after it
  std::latch start(1);
  {
    std::vector<std::jthread> ranks;
    ranks.reserve(static_cast<size_t>(num_ranks));
    try {
      for (int rank = 0; rank < num_ranks; ++rank) {
        ranks.emplace_back([&, rank] {
          start.wait();
          // A world that lacks a rank does not start: the others would wait for it.
          if (!complete) return;
          omp_set_num_threads(compute_threads);
          RankContext context{rank, num_ranks, compute_threads, logger_};
          run_rank(context, rank_main, first_error);
        });
      }
      complete = true;
    } catch (const std::system_error& error) {
      first_error.report(Error(ErrorKind::device,
                               fmt::format("cannot start the thread of rank {} of {} ({})",
                                           ranks.size(), num_ranks, error.what()),
                               "choose a smaller --world-size"));
    }
    start.count_down();
  }
  first_error.rethrow();
}

}  // namespace weft::comm
