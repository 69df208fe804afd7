#pragma once

#include "weft/train/theoretical.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

/// The sizes of `config`, whose vocabulary size is known, for the theoretical figures.
TheoreticalModel theoretical_model(const TrainConfig& config);

/// The layout of `config`: one rank.
TheoreticalLayout theoretical_layout(const TrainConfig& config);

}  // namespace weft::train
