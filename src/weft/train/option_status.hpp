#pragma once

#include <string>
#include <vector>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// What the table's statuses say about the given values, before anything is derived: a problem for
/// each option that weft refuses or does not do yet and that differs from its default, a warning
/// for each that has no effect.
void check_statuses(const OptionValues& values, std::vector<OptionProblem>& problems,
                    std::vector<std::string>& warnings);

}  // namespace weft::train
