#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weft/base/logger.hpp"
#include "weft/comm/world.hpp"

namespace weft::comm {

/// An environment variable of a launcher, as the program found it.
struct LaunchVariable {
  std::string name;
  std::string value;
};

/// The names of the variables that detect_launch looks at. The program reads them: nothing below
/// apps/ sees the environment.
std::span<const std::string_view> launch_variable_names();

/// What the launcher's variables say about this process.
struct Launch {
  std::string launcher = "none";          ///< "mpirun", "srun", "torchrun", "none", ...
  int announced = 1;                      ///< processes
  std::string announced_by;               ///< the variable that says so; empty when none does
  bool by_mpi = false;                    ///< started by something that MPI can talk to
  std::vector<LaunchVariable> variables;  ///< those that are set
  std::vector<std::string> reasons;       ///< why, a sentence each
};

/// Reads the variables that are set. A count that is no number is ignored, with a reason.
Launch detect_launch(std::vector<LaunchVariable> variables);

/// The world of this process: MPI when the launcher announces more than one process, else threads.
/// Throws Error{usage} naming both counts and the command to use when MPI has another number of
/// ranks than the launcher announces. `logger` outlives the world.
std::unique_ptr<World> make_world(const Launch& launch, Logger& logger, const WorldConfig& config);

}  // namespace weft::comm
