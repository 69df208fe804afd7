#pragma once

#include "weft/train/option_values.hpp"

namespace weft::train {

/// Fills in what Megatron derives before it prints the argument block (reference/megatron.md 11.1,
/// side effects). Divisors that are 0 or absent leave their results unset; validation reports them.
void derive_values(OptionValues& values);

/// Megatron's lines before the argument block (reference/megatron.md 8.1), after derive_values.
std::vector<std::string> start_notices(const OptionValues& given, const OptionValues& derived);

}  // namespace weft::train
