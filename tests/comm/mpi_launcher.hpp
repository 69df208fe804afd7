#pragma once

#include <fmt/format.h>

#include <string>

#include "support/temp_dir.hpp"

namespace weft::comm::testing {

/// Whether ranks can be started as processes here.
inline bool has_mpirun() { return weft::testing::run_command("command -v mpirun").exit_code == 0; }

/// The launcher's words for `ranks` processes on this machine. Single-copy transfers between
/// processes need rights that containers often lack, and without them Open MPI warns on stderr.
inline std::string mpirun(int ranks, const std::string& options = {}) {
  return fmt::format(
      "OMPI_MCA_btl_vader_single_copy_mechanism=none mpirun --allow-run-as-root --oversubscribe "
      "--bind-to none {} -np {}",
      options, ranks);
}

/// Runs the test program with `words` in `ranks` processes.
inline weft::testing::CommandResult run_processes(int ranks, const std::string& words,
                                                  const std::string& options = {}) {
  return weft::testing::run_command(
      fmt::format("{} {} {}", mpirun(ranks, options), WEFT_COMM_PROGRAM, words));
}

/// Runs the test program with `words` in `ranks` threads.
inline weft::testing::CommandResult run_threads(int ranks, const std::string& words) {
  return weft::testing::run_command(
      fmt::format("{} --ranks {} {}", WEFT_COMM_PROGRAM, ranks, words));
}

}  // namespace weft::comm::testing

/// Skips the test where there is no launcher.
#define WEFT_NEEDS_MPIRUN()                                            \
  if (!weft::comm::testing::has_mpirun()) {                            \
    GTEST_SKIP() << "no mpirun: install openmpi-bin to run MPI tests"; \
  }
