#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// One line of the block: two blanks, the name, dots up to column 51, the value.
std::string argument_line(std::string_view name, std::string_view value);

/// An argument as Megatron's block prints it.
struct Argument {
  std::string name;
  std::string value;
};

/// The arguments of Megatron's block in the order of the option table. Weft's own options are not
/// among them.
std::vector<Argument> arguments(const OptionValues& values);

/// Megatron's argument block, header to footer, sorted by the lower-cased line
/// (reference/megatron.md 8.2).
std::vector<std::string> argument_block(const OptionValues& values);

}  // namespace weft::train
