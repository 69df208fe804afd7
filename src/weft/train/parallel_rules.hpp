#pragma once

#include <vector>

#include "weft/parallel/layer_split.hpp"
#include "weft/parallel/topology.hpp"
#include "weft/train/option_values.hpp"

namespace weft::train {

/// The sizes of the world that `values` (after derive_values) describe.
parallel::TopologySizes topology_sizes(const OptionValues& values);

/// How `values` split the layers. Needs the number of layers.
parallel::LayerSplit layer_split(const OptionValues& values);

/// Every parallel size that contradicts another one, the model or the split of its layers, with the
/// equation that fails (library parallel).
std::vector<OptionProblem> check_parallel(const OptionValues& values);

}  // namespace weft::train
