#pragma once

#include "weft/base/logger.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

class ResolvedOptions;

/// Runs a training job from start-up lines to the last evaluation and returns the process's exit
/// code. Console lines are Megatron's (reference/megatron.md 8). With `config.dry_run` it stops before
/// any memory is taken. Throws weft::Error.
int pretrain(const TrainConfig& config, const ResolvedOptions& options, Logger& logger);

}  // namespace weft::train
