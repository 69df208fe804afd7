#pragma once

#include <string>
#include <vector>

namespace weft::train {

/// The command line behind the recorded run (reference/megatron.md 0).
std::vector<std::string> seed_command();

}  // namespace weft::train
