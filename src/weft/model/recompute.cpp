#include "weft/model/recompute.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weft::model {

std::optional<RecomputeGroup> RecomputeConfig::group_of(int64_t layer, int64_t chunk_layers) const {
  if (granularity != RecomputeGranularity::full) return std::nullopt;
  if (method == RecomputeMethod::block) {
    if (layer >= num_layers) return std::nullopt;
    return RecomputeGroup{layer, layer};
  }
  const int64_t first = layer / num_layers * num_layers;
  return RecomputeGroup{first, std::min(first + num_layers, chunk_layers) - 1};
}

int64_t RecomputeConfig::largest_group(int64_t chunk_layers) const {
  if (granularity != RecomputeGranularity::full || chunk_layers == 0) return 0;
  return method == RecomputeMethod::block ? 1 : std::min(num_layers, chunk_layers);
}

std::vector<std::string> RecomputeConfig::validate(int64_t chunk_layers) const {
  if (granularity != RecomputeGranularity::full) return {};
  if (num_layers >= 1 && num_layers <= chunk_layers) return {};
  return {
      fmt::format("--recompute-num-layers must be between 1 and the {} layers of a rank (got {})",
                  chunk_layers, num_layers)};
}

}  // namespace weft::model
