#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "weft/train/option_values.hpp"

namespace weft::train {

/// Every rule between options that `values` (after derive_values) break, in the words of Megatron
/// where it has some (reference/megatron.md 6.4, 11.1, 11.3), each with the flag to change.
std::vector<OptionProblem> check_rules(const OptionValues& values);

/// The numbers of a --split text (reference/megatron.md 3.2): at most three shares, or nothing when
/// the text is malformed or all shares are 0.
std::optional<std::vector<double>> parse_split(std::string_view text);

}  // namespace weft::train
