#pragma once

#include "weft/train/option_parser.hpp"

namespace weft::train {

/// With --use-checkpoint-args sets the options that describe the model to those of the checkpoint
/// in --load, as Megatron does (reference/megatron.md 9.3): sizes where nobody gave one, kinds in
/// any case, and the tokenizer unless --no-use-tokenizer-model-from-checkpoint-args. Adds one line
/// for each to parsed.notices. Without a checkpoint the options stay as given. Throws
/// Error{checkpoint} when the checkpoint is damaged.
void apply_checkpoint_args(ParsedOptions& parsed);

}  // namespace weft::train
