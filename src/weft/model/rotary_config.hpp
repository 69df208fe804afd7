#pragma once

#include <cstdint>
#include <vector>

#include "weft/kernels/rotary.hpp"

namespace weft::model {

/// Frequencies of a rotary position embedding (reference/megatron.md 4.7). Field names are
/// Megatron's flags.
struct RotaryConfig {
  double percent = 1.0;   ///< --rotary-percent, part of each head that turns
  double base = 10000.0;  ///< --rotary-base
  kernels::RotaryPairs pairs = kernels::RotaryPairs::halves;  ///< --rotary-interleaved: neighbours
  double interpolation_factor = 1.0;   ///< --rotary-seq-len-interpolation-factor
  bool llama3_scaling = false;         ///< --use-rope-scaling
  double llama3_scaling_factor = 8.0;  ///< --rope-scaling-factor

  /// Channels of a head of `head_dim` that turn: head_dim * percent, rounded down.
  int64_t turning_channels(int64_t head_dim) const;
  /// Angle per position of each pair of channels: base^(-2 i / d); with Llama 3.1's scaling, waves
  /// longer than 8192 positions are slowed down by the factor, those below 2048 stay, and those
  /// between are interpolated.
  std::vector<double> frequencies(int64_t head_dim) const;
};

}  // namespace weft::model
