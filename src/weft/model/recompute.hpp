#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::model {

/// What is computed again in backward instead of being kept (reference/megatron.md 7.7): nothing,
/// the attention of every layer, or whole layers.
enum class RecomputeGranularity : uint8_t { none, selective, full };

/// Which layers `full` takes: groups of num_layers layers that keep only their input, or the first
/// num_layers layers of the chunk, each on its own.
enum class RecomputeMethod : uint8_t { uniform, block };

/// Layers [first, last] that are computed again together, from the input of the first.
struct RecomputeGroup {
  int64_t first = 0;
  int64_t last = 0;
};

/// Activation recomputation of a chunk. Field names are Megatron's flags.
struct RecomputeConfig {
  RecomputeGranularity granularity = RecomputeGranularity::none;  ///< --recompute-granularity
  RecomputeMethod method = RecomputeMethod::uniform;              ///< --recompute-method
  int64_t num_layers = 1;                                         ///< --recompute-num-layers

  bool attention() const { return granularity == RecomputeGranularity::selective; }
  /// The group of layer `layer` (0-based) of a chunk of `chunk_layers`; empty when its activations
  /// are kept.
  std::optional<RecomputeGroup> group_of(int64_t layer, int64_t chunk_layers) const;
  /// Layers of the largest group: whose activations exist at once during backward.
  int64_t largest_group(int64_t chunk_layers) const;
  /// Every rule that this breaks for a chunk of `chunk_layers` layers, naming the flag.
  std::vector<std::string> validate(int64_t chunk_layers) const;
};

}  // namespace weft::model
