#pragma once

#include <string>

namespace weft::observe {

/// A finite number rounded to at most so many decimals, without zeros at their end and without an
/// exponent: "0.5", "12".
std::string to_decimal(double value, int most_decimals);

}  // namespace weft::observe
