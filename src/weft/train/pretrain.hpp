#pragma once

#include "weft/base/logger.hpp"
#include "weft/comm/launch.hpp"
#include "weft/observe/progress_line.hpp"
#include "weft/train/option_values.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

/// Runs a training job from start-up lines to the last evaluation and returns the process's exit
/// code. Console lines are Megatron's (reference/megatron.md 8) and go to the logger as results; a
/// progress line goes to stderr unless `progress` is null. With `config.dry_run` it stops before
/// any memory is taken. The ranks of a pipeline are threads, or the processes that `launch`
/// announces; the first one speaks for all. Throws weft::Error.
int pretrain(const TrainConfig& config, const ResolvedOptions& options,
             const observe::ProgressOptions* progress, Logger& logger,
             const comm::Launch& launch = {});

}  // namespace weft::train
