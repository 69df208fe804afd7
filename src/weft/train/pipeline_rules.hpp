#pragma once

#include <vector>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// Every option of the pipeline that contradicts another one or is out of range. Whether a schedule
/// exists for the run is PipelineSetup's to say.
std::vector<OptionProblem> check_pipeline(const OptionValues& values);

/// One line for each option of the pipeline that was given to a run without one.
std::vector<std::string> pipeline_warnings(const OptionValues& values);

}  // namespace weft::train
