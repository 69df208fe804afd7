#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/optim/optimizer_config.hpp"

namespace weft::optim {

/// Every rule that `config` breaks (Megatron's conditions, reference/megatron.md 6.4), as sentences
/// that name the flag and the value found; empty when both schedules are defined everywhere.
std::vector<std::string> validate(const ScheduleConfig& config);

/// Learning rate after `consumed_samples` samples of successful iterations: warm-up, then the decay
/// style (reference/megatron.md 6.4). The first update of a run uses the value at 0. `config` must
/// be valid.
double learning_rate(const ScheduleConfig& config, int64_t consumed_samples);

/// As learning_rate for the word embedding and the output matrix: with --decoupled-lr they have
/// ends of their own and the same warm-up and decay; nothing without it.
std::optional<double> decoupled_learning_rate(const ScheduleConfig& config,
                                              int64_t consumed_samples);

/// Weight decay of the decaying parameters after `consumed_samples` samples of successful
/// iterations (reference/megatron.md 6.4). `config` must be valid.
double weight_decay(const ScheduleConfig& config, int64_t consumed_samples);

/// Iterations that `train_samples` samples are enough for at a constant batch size: the remainder
/// that fills no batch is left out (reference/megatron.md 6.5).
int64_t train_iters_from_samples(int64_t train_samples, int64_t global_batch_size);

}  // namespace weft::optim
