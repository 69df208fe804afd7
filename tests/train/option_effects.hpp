#pragma once

#include <functional>
#include <string>
#include <vector>

#include "weft/train/train_config.hpp"

namespace weft::train {

/// What giving one option does to the configuration of a small run.
struct OptionEffect {
  std::string test;    ///< the test of suite OptionEffects that checks it
  std::string option;  ///< name in the option table
  std::string words;   ///< added to the base command, separated by blanks
  std::function<std::string(const TrainConfig&)> look;  ///< the field it changes, as text
  std::string expected;  ///< that field afterwards; it must differ before
};

/// One entry or more per acting option.
const std::vector<OptionEffect>& option_effects();

}  // namespace weft::train
