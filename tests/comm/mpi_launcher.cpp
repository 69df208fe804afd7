#include "comm/mpi_launcher.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <sstream>

namespace weft::comm::testing {

bool has_mpirun() { return weft::testing::run_command("command -v mpirun").exit_code == 0; }

weft::testing::CommandResult run_processes(int ranks, const std::string& words,
                                           const std::string& options) {
  // Single-copy transfers between processes need rights that containers often lack, and without
  // them Open MPI warns on stderr.
  // LeakSanitizer would report what Open MPI keeps until the process ends (about 120 kB), in
  // plugins that are unloaded by then, so that no suppression can name them.
  return weft::testing::run_command(
      fmt::format("ASAN_OPTIONS=detect_leaks=0 OMPI_MCA_btl_vader_single_copy_mechanism=none "
                  "mpirun --allow-run-as-root "
                  "--oversubscribe --bind-to none {} -np {} {} {}",
                  options, ranks, WEFT_COMM_PROGRAM, words));
}

std::vector<RankTimes> rank_times(const weft::testing::CommandResult& result) {
  std::vector<RankTimes> all;
  std::istringstream lines(result.err);
  for (std::string line; std::getline(lines, line);) {
    RankTimes one;
    if (std::sscanf(line.c_str(), "rank %d began at %lf and left at %lf", &one.rank, &one.began,
                    &one.left) == 3) {
      all.push_back(one);
    }
  }
  return all;
}

weft::testing::CommandResult run_threads(int ranks, const std::string& words) {
  return weft::testing::run_command(
      fmt::format("{} --ranks {} {}", WEFT_COMM_PROGRAM, ranks, words));
}

}  // namespace weft::comm::testing
