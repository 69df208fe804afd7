#pragma once

#include <string>

#include "support/temp_dir.hpp"

namespace weft::comm::testing {

/// Whether ranks can be started as processes here.
bool has_mpirun();

/// The launcher's words for `ranks` processes on this machine. Single-copy transfers between
/// processes need rights that containers often lack, and without them Open MPI warns on stderr.
std::string mpirun(int ranks, const std::string& options = {});

/// Runs the test program with `words` in `ranks` processes.
weft::testing::CommandResult run_processes(int ranks, const std::string& words,
                                           const std::string& options = {});

/// Runs the test program with `words` in `ranks` threads.
weft::testing::CommandResult run_threads(int ranks, const std::string& words);

}  // namespace weft::comm::testing

/// Skips the test where there is no launcher.
#define WEFT_NEEDS_MPIRUN()                                            \
  if (!weft::comm::testing::has_mpirun()) {                            \
    GTEST_SKIP() << "no mpirun: install openmpi-bin to run MPI tests"; \
  }
