#pragma once

#include <vector>

#include "weft/train/option_parser.hpp"
#include "weft/train/option_values.hpp"

namespace weft::train {

/// Every broken rule of --decoupled-lr and --decoupled-min-lr, the learning rate that the word
/// embedding and the output matrix have for themselves.
std::vector<OptionProblem> check_decoupled_rates(const OptionValues& values);

}  // namespace weft::train
