#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::parallel {

/// A named number of an equation, for example {"tp", 2}.
struct Factor {
  std::string_view name;
  int64_t size = 1;
};

/// The product of all sizes, or the largest int64 when it is too large.
int64_t product(std::span<const Factor> factors);

/// "tp 2 x pp 4 x cp 1 = 8"; of one factor "pp 4".
std::string product_text(std::span<const Factor> factors);

/// "10 / 8 = 1.25"; decimals that do not end after four end in "...". The dividend is at least 0,
/// the divisor in [1, 10^18].
std::string quotient_text(int64_t dividend, int64_t divisor);

/// "world size 10 is not divisible by tp 2 x pp 4 x cp 1 = 8 (10 / 8 = 1.25)". `what` is all that
/// stands before "is": a name and its value, or a sum and its result.
std::string not_divisible(std::string_view what, int64_t dividend, std::span<const Factor> divisor);

/// The multiples of `step` around `value`, each less `offset`: "8 or 16"; only the upper one when
/// the lower one would be below 1.
std::string nearest_multiples(int64_t value, int64_t step, int64_t offset = 0);

}  // namespace weft::parallel
