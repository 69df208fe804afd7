#include "weft/comm/world.hpp"

#include <algorithm>
#include <new>
#include <thread>

namespace weft::comm {

int default_threads_per_rank(int num_ranks) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, cores / std::max(1, num_ranks));
}

void run_rank_main(RankContext& context, const std::function<void(RankContext&)>& rank_main,
                   const std::function<void(const Error&)>& report) {
  const auto report_here = [&](Error error) {
    if (error.rank() < 0) error.set_rank(context.rank);
    report(error);
  };
  try {
    rank_main(context);
  } catch (const ReleasedError& error) {
    report(error);
  } catch (const Error& error) {
    report_here(error);
  } catch (const std::bad_alloc&) {
    report_here(Error(ErrorKind::device, "the host's memory is exhausted"));
  } catch (const std::exception& error) {
    report_here(Error(ErrorKind::internal, error.what()));
  } catch (...) {
    report_here(Error(ErrorKind::internal, "an exception of unknown type ended the rank"));
  }
}

}  // namespace weft::comm
