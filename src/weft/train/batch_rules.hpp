#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/train/batch_schedule.hpp"
#include "weft/train/option_values.hpp"

namespace weft::train {

/// Bound of every length of a training, iterations or samples.
inline constexpr int64_t kLongestTraining = 1'000'000'000'000;

/// The ramp that `values` describe, or nothing without --rampup-batch-size. Needs values that
/// check_batches accepts.
std::optional<BatchRamp> batch_ramp(const OptionValues& values);

/// Every rule between batch sizes that `values` (after derive_values) break
/// (reference/megatron.md 11.3). Sizes out of their range are left to the rules of sizes.
std::vector<OptionProblem> check_batches(const OptionValues& values);

}  // namespace weft::train
