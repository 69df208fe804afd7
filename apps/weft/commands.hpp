#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "weft/base/logger.hpp"

namespace weft::app {

/// What the subcommands share. A subcommand's add function declares it on the CLI11 application and
/// makes its callback set `run`, which main calls inside its error handler.
struct Program {
  bool json = false;   ///< --json: one JSON object on stdout
  bool quiet = false;  ///< --quiet: results and errors only
  std::function<int(Logger&)> run;
};

}  // namespace weft::app
