#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "weft/optim/loss_scaler.hpp"

namespace weft::checkpoint {

/// What a run must know besides its tensors to go on where it was saved.
struct TrainState {
  int64_t iteration = 0;               ///< iterations done, skipped ones included
  int64_t consumed_train_samples = 0;  ///< samples drawn from the training data
  int64_t skipped_train_samples = 0;   ///< samples passed over, by flag or to round a batch down
  int64_t consumed_valid_samples = 0;  ///< samples drawn from the validation data
  int64_t schedule_samples = 0;  ///< samples of successful iterations: learning_rate's argument
  int64_t optimizer_steps = 0;   ///< successful steps; save_model takes them from its optimizer
  optim::LossScalerState loss_scaler;      ///< as optimizer_steps
  uint64_t seed = 0;                       ///< --seed
  double floating_point_operations = 0.0;  ///< of all iterations so far, in theory
  /// The caller's learning rate and weight decay schedules; empty in old checkpoints.
  nlohmann::ordered_json schedule = nlohmann::ordered_json::object();
  /// Whatever the caller needs to build the model again: configuration, tokenizer files.
  nlohmann::ordered_json model = nlohmann::ordered_json::object();
};

/// `root`/iter_NNNNNNN, the directory of one iteration (reference/megatron.md 9.1).
std::filesystem::path iteration_directory(const std::filesystem::path& root, int64_t iteration);

/// The iteration that `root`/latest_checkpointed_iteration.txt names, or nothing when there is no
/// such file. Throws Error{checkpoint} when the file holds no iteration.
std::optional<int64_t> latest_iteration(const std::filesystem::path& root);

/// Names `iteration` as the latest: the last step of a save.
void write_latest_iteration(const std::filesystem::path& root, int64_t iteration);

/// Writes state.json into `directory`.
void write_state(const std::filesystem::path& directory, const TrainState& state);

/// The state of the latest checkpoint below `root`, or of that of `iteration` (--ckpt-step);
/// nothing when there is no tracker file. Throws Error{checkpoint} when the files are damaged or
/// there is no checkpoint of `iteration`.
std::optional<TrainState> load_state(const std::filesystem::path& root,
                                     std::optional<int64_t> iteration = {});

}  // namespace weft::checkpoint
