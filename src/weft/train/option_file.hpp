#pragma once

#include <filesystem>
#include <vector>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// Sets what the file at `path` says. The file is one JSON object of option names, or lines
/// `name = value` with # or ; comments and [headings]. Names are Megatron's, with - or _; switches
/// take true or false under the printed name (add_bias_linear = false); lists are JSON arrays or
/// words. An unknown name, a name given twice and a value that does not fit are problems.
void apply_config_file(const std::filesystem::path& path, OptionValues& values,
                       std::vector<OptionProblem>& problems);

}  // namespace weft::train
