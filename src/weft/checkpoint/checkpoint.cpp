#include "weft/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/checkpoint/safetensors.hpp"
#include "weft/checkpoint/shard_index.hpp"
#include "weft/checkpoint/staged_directory.hpp"
#include "weft/checkpoint/targets.hpp"
#include "weft/checkpoint/tensor_files.hpp"

namespace weft::checkpoint {
namespace fs = std::filesystem;

namespace {

constexpr const char* kModel = "model";
constexpr const char* kOptimizer = "optimizer";

/// The optimizer's tensors in `directory`, which may have been saved without.
TensorFiles optimizer_files(const fs::path& directory) {
  if (TensorFiles::are_missing(directory, kOptimizer)) {
    fail_with_hint(ErrorKind::checkpoint, "--no-load-optim or --finetune",
                   "{} has no {}: training cannot go on from it", directory.string(),
                   tensor_file_name(kOptimizer));
  }
  return {directory, kOptimizer};
}

/// `text` of rank 0 on all ranks.
std::string broadcast_text(const std::string& text, comm::Communicator& ranks) {
  Tensor length({1}, DType::i64);
  length.span<int64_t>()[0] = std::ssize(text);
  ranks.broadcast(length, 0);
  Tensor bytes({length.span<int64_t>()[0]}, DType::u8);
  if (ranks.rank() == 0) std::ranges::copy(text, bytes.span<uint8_t>().begin());
  ranks.broadcast(bytes, 0);
  return {bytes.span<uint8_t>().begin(), bytes.span<uint8_t>().end()};
}

/// The tensors of this rank, as its shard below `directory`.
void write_shard(const fs::path& directory, const Shard& shard,
                 const model::ParameterSet& parameters, const optim::Optimizer* optimizer) {
  const auto write = [&](const char* stem, const std::vector<Target>& targets) {
    write_safetensors(directory / tensor_file_name(stem, shard),
                      without_copies(targets, parameters), {{"format", "pt"}}, parameters.stream());
  };
  write(kModel, targets_of(parameters));
  if (optimizer != nullptr) write(kOptimizer, targets_of(*optimizer));
}

/// What rank 0 adds when all shards are there.
void write_rest(const fs::path& directory, int num_shards, TrainState state,
                const optim::Optimizer* optimizer) {
  if (num_shards > 1) write_index(directory, kModel, num_shards);
  state.optimizer_steps = 0;
  if (optimizer != nullptr) {
    if (num_shards > 1) write_index(directory, kOptimizer, num_shards);
    state.optimizer_steps = optimizer->num_steps();
    state.loss_scaler = optimizer->scaler_state();
  }
  write_state(directory, state);
}

/// Null where there is nobody to communicate with.
comm::Communicator* if_several(comm::Communicator* ranks) {
  return ranks != nullptr && ranks->size() > 1 ? ranks : nullptr;
}

}  // namespace

void save_model(const fs::path& root, TrainState state, const model::ParameterSet& parameters,
                const optim::Optimizer* optimizer, comm::Communicator* ranks) {
  ranks = if_several(ranks);
  const Shard shard = ranks == nullptr ? Shard{} : Shard{ranks->rank(), ranks->size()};
  std::optional<StagedDirectory> directory;
  if (shard.rank == 0) directory.emplace(iteration_directory(root, state.iteration));
  fs::path staged = directory ? directory->path() : fs::path();
  if (ranks != nullptr) staged = broadcast_text(staged.string(), *ranks);

  write_shard(staged, shard, parameters, optimizer);
  if (ranks != nullptr) ranks->barrier();
  if (directory) {
    const int64_t iteration = state.iteration;
    write_rest(staged, shard.count, std::move(state), optimizer);
    directory->commit();
    write_latest_iteration(root, iteration);
    directory.reset();  // with what the new directory has replaced
  }
  if (ranks != nullptr) ranks->barrier();
}

std::optional<TrainState> load_model(const fs::path& root, model::ParameterSet& parameters,
                                     optim::Optimizer* optimizer, std::optional<int64_t> iteration,
                                     comm::Communicator* ranks) {
  ranks = if_several(ranks);
  std::optional<TrainState> state = load_state(root, iteration);
  if (!state) return std::nullopt;
  const fs::path directory = iteration_directory(root, state->iteration);

  TensorFiles files(directory, kModel);
  const std::vector<Target> targets = targets_of(parameters);
  check_targets(files, targets, ranks);
  std::optional<TensorFiles> state_files;
  std::vector<Target> state_targets;
  if (optimizer != nullptr) {
    state_files.emplace(optimizer_files(directory));
    state_targets = targets_of(*optimizer);
    check_targets(*state_files, state_targets, ranks);
  }
  if (ranks != nullptr) ranks->barrier();  // all ranks have found everything in order

  if (optimizer != nullptr) {
    read_targets(*state_files, state_targets, parameters.stream());
    optimizer->set_num_steps(state->optimizer_steps);
    optimizer->restore_scaler(state->loss_scaler);
  }
  read_targets(files, targets, parameters.stream());
  parameters.round_values();
  return state;
}

}  // namespace weft::checkpoint
