#pragma once

#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace weft::comm::testing {

/// Whether ranks can be started as processes here.
bool has_mpirun();

/// Runs the test program with `words` in `ranks` processes of this machine; `options` are the
/// launcher's.
weft::testing::CommandResult run_processes(int ranks, const std::string& words,
                                           const std::string& options = {});

/// When a process began its rank's function and when it had reported its failure and left, in
/// seconds of the machine's steady clock.
struct RankTimes {
  int rank = 0;
  double began = 0.0;
  double left = 0.0;
};

/// The times that failing processes wrote to stderr.
std::vector<RankTimes> rank_times(const weft::testing::CommandResult& result);

/// Runs the test program with `words` in `ranks` threads.
weft::testing::CommandResult run_threads(int ranks, const std::string& words);

}  // namespace weft::comm::testing

/// Skips the test where there is no launcher.
#define WEFT_NEEDS_MPIRUN()                                            \
  if (!weft::comm::testing::has_mpirun()) {                            \
    GTEST_SKIP() << "no mpirun: install openmpi-bin to run MPI tests"; \
  }
