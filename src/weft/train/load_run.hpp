#pragma once

#include "weft/base/logger.hpp"
#include "weft/train/model_record.hpp"
#include "weft/train/train_config.hpp"
#include "weft/train/trainer.hpp"

namespace weft::train {

/// Fills `trainer` from the checkpoint that --load or --pretrained-checkpoint names, as far as
/// --finetune and --no-load-optim let it, and prints Megatron's lines (reference/megatron.md 9.3).
/// Returns whether the run goes on: --exit-on-missing-checkpoint ends it. Throws Error{checkpoint}
/// when the checkpoint is damaged or of another model, or missing in a run with
/// --no-initialization.
bool load_run(const TrainConfig& config, const ModelRecord& record, Trainer& trainer,
              Logger& logger);

}  // namespace weft::train
