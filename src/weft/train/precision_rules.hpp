#pragma once

#include <vector>

#include "weft/train/option_parser.hpp"
#include "weft/train/option_values.hpp"

namespace weft::train {

/// Problems of the options that choose number formats and the loss scale.
std::vector<OptionProblem> check_precision(const OptionValues& values);

/// Problems of the options that choose what backward computes again.
std::vector<OptionProblem> check_recompute(const OptionValues& values);

}  // namespace weft::train
