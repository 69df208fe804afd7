#pragma once

#include <span>
#include <string>
#include <string_view>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// One option that a preset fills in, written as a config file would write it.
struct PresetSetting {
  std::string_view option;
  std::string_view value;
};

/// Options of the model called `name` (--model); empty when there is no such model. The vocabulary
/// is not among them: it is the tokenizer's.
std::span<const PresetSetting> preset_settings(std::string_view name);

/// Fills in what the preset chosen by --model, if any, says about options that nobody gave.
void apply_preset(OptionValues& values);

}  // namespace weft::train
