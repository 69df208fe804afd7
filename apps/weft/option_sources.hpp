#pragma once

#include <string>
#include <vector>

#include "weft/train/option_parser.hpp"

namespace weft::app {

/// `words` together with the environment variables called WEFT_<NAME> and SLURM_JOB_ID. The only
/// place that reads the environment for options.
train::OptionSources option_sources(std::vector<std::string> words);

/// Whether `words` ask for help.
bool asks_for_help(const std::vector<std::string>& words);

}  // namespace weft::app
