#pragma once

#include <span>
#include <string>
#include <string_view>

#include "weft/train/option_spec.hpp"

namespace weft::train {

/// Every option that weft knows, grouped in the order of OptionGroup: the 465 names of Megatron's
/// argument block, 14 more of its parser, and weft's own.
std::span<const OptionSpec> option_table();

/// The option called `name`, or null.
const OptionSpec* find_option(std::string_view name);

/// The option that `flag` ("--lr") belongs to, or null.
const OptionSpec* find_flag(std::string_view flag);

/// The flag that looks most like `flag`, or an empty text when none is close.
std::string nearest_flag(std::string_view flag);

/// The option name that looks most like `name`, or an empty text when none is close.
std::string nearest_name(std::string_view name);

/// As nearest_name, for a name that may not be meant as an option at all: at most two typing
/// errors.
std::string nearly_name(std::string_view name);

// One per file options_*.cpp.
std::span<const OptionSpec> model_options();
std::span<const OptionSpec> initialization_options();
std::span<const OptionSpec> optimizer_options();
std::span<const OptionSpec> learning_rate_options();
std::span<const OptionSpec> precision_options();
std::span<const OptionSpec> parallel_options();
std::span<const OptionSpec> training_options();
std::span<const OptionSpec> activations_options();
std::span<const OptionSpec> data_options();
std::span<const OptionSpec> tokenizer_options();
std::span<const OptionSpec> logging_options();
std::span<const OptionSpec> checkpoint_options();
std::span<const OptionSpec> moe_options();
std::span<const OptionSpec> inference_options();
std::span<const OptionSpec> other_models_options();
std::span<const OptionSpec> weft_options();

}  // namespace weft::train
