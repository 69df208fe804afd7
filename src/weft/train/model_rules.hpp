#pragma once

#include <vector>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// Rules about the kind of model: which options of its architecture contradict each other or what
/// weft can build. `values` are derived; sizes out of range are reported elsewhere.
std::vector<OptionProblem> check_model_kind(const OptionValues& values);

}  // namespace weft::train
