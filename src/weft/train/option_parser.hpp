#pragma once

#include <map>
#include <string>
#include <vector>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// What the user gave. Files are read, but neither argv nor the environment is looked at here.
struct OptionSources {
  std::vector<std::string> arguments;  ///< words after the subcommand
  /// WEFT_<NAME> variables and SLURM_JOB_ID, or all variables.
  std::map<std::string, std::string> environment;
};

/// Values with their sources, and everything that is wrong with them.
struct ParsedOptions {
  OptionValues values;
  std::vector<OptionProblem> problems;
  std::vector<std::string> warnings;
  std::vector<std::string> notices = {};  ///< what --use-checkpoint-args took, line by line
};

/// Reads --config FILE, then WEFT_<NAME>, then the flags; later ones win. Reports every unknown
/// name (with the nearest known one), missing, malformed or out-of-range value. Flags are never
/// abbreviated; `--flag=value` and `--flag value` are the same; the last of equal flags counts.
ParsedOptions parse_options(const OptionSources& sources);

}  // namespace weft::train
