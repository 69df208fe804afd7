#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weft/parallel/problem.hpp"

namespace weft::parallel {

/// Stages as a text lists them, in layer order: the explicit form of Megatron's
/// --pipeline-model-parallel-layout.
///
///   layout = { item [ "*" count ] }     count is at least 1
///   item   = "E" | "t" | "L" | "|" | "(" layout ")"
///
/// E is the embedding, t a transformer layer, L the output head with the loss; "|" ends a stage.
/// Commas and spaces mean nothing. "E|(tt|)*3tL" has 5 stages of 0, 2, 2, 2 and 1 layers.
struct LayerLayout {
  std::vector<int64_t> layers_per_stage;

  int64_t num_stages() const { return static_cast<int64_t>(layers_per_stage.size()); }
  int64_t num_layers() const;
};

/// Reads a layout. Adds a problem, and returns no stages, when the text does not follow the
/// grammar, E is not its first or L not its last symbol, or it is longer than kLargestSize symbols.
LayerLayout parse_layout(std::string_view text, std::vector<Problem>& problems);

/// The text of stages with those numbers of layers: "Et*3|t*4|t*3L".
std::string layout_text(const std::vector<int64_t>& layers_per_stage);

}  // namespace weft::parallel
