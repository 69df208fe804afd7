#pragma once

#include <filesystem>
#include <optional>

#include "weft/checkpoint/train_state.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/model/parameter.hpp"
#include "weft/optim/optimizer.hpp"

namespace weft::checkpoint {

/// Saves a run below `root` (--save) as iter_NNNNNNN/{model.safetensors, optimizer.safetensors,
/// state.json} and then names the iteration in latest_checkpointed_iteration.txt. The directory
/// appears when it is complete and the tracker is written last, so a save that fails or is
/// interrupted leaves the previous checkpoint as it was. Without `optimizer` only the model is
/// saved. Throws Error{checkpoint} when a file cannot be written.
///
/// `ranks` are those that together hold the model, on one file system; null stands for this one
/// alone. Several write a shard each of what they hold that is no copy, instead of the tensors'
/// files, and rank 0 adds indexes and state (shard_index.hpp). All call it with the same iteration,
/// all with an optimizer or all without, and return when the checkpoint is complete.
void save_model(const std::filesystem::path& root, TrainState state,
                const model::ParameterSet& parameters, const optim::Optimizer* optimizer,
                comm::Communicator* ranks = nullptr);

/// Fills `parameters`, and `optimizer` unless it is null, with the exact bits of the latest
/// checkpoint below `root` (--load), or of that of `iteration`, and returns its state; nothing when
/// there is no tracker file. Throws Error{checkpoint}, naming tensor and flag, when a file is
/// damaged or a tensor is missing, unknown or of another shape; everything is checked before
/// anything is changed.
///
/// However many ranks saved, each of `ranks` (as in save_model) reads what it holds, copies
/// included, from one file or from shards. A tensor is unknown when none of them holds it, and none
/// changes anything before all have checked.
std::optional<TrainState> load_model(const std::filesystem::path& root,
                                     model::ParameterSet& parameters, optim::Optimizer* optimizer,
                                     std::optional<int64_t> iteration = {},
                                     comm::Communicator* ranks = nullptr);

}  // namespace weft::checkpoint
