#include "weft/parallel/equation.hpp"

#include <fmt/format.h>

#include <limits>

namespace weft::parallel {

int64_t product(std::span<const Factor> factors) {
  int64_t result = 1;
  for (const Factor& factor : factors) {
    if (__builtin_mul_overflow(result, factor.size, &result)) {
      return std::numeric_limits<int64_t>::max();
    }
  }
  return result;
}

std::string product_text(std::span<const Factor> factors) {
  std::string text;
  for (const Factor& factor : factors) {
    text += fmt::format("{}{} {}", text.empty() ? "" : " x ", factor.name, factor.size);
  }
  if (factors.size() > 1) text += fmt::format(" = {}", product(factors));
  return text;
}

std::string quotient_text(int64_t dividend, int64_t divisor) {
  std::string decimals;
  int64_t rest = dividend % divisor;
  constexpr size_t kMostDecimals = 4;
  while (rest != 0 && decimals.size() < kMostDecimals) {
    // Unsigned, because ten times a product of three sizes has 64 bits.
    const uint64_t scaled = static_cast<uint64_t>(rest) * 10;
    const auto unit = static_cast<uint64_t>(divisor);
    decimals += static_cast<char>('0' + static_cast<int>(scaled / unit));
    rest = static_cast<int64_t>(scaled % unit);
  }
  return fmt::format("{} / {} = {}{}{}{}", dividend, divisor, dividend / divisor,
                     decimals.empty() ? "" : ".", decimals, rest == 0 ? "" : "...");
}

std::string not_divisible(std::string_view what, int64_t dividend,
                          std::span<const Factor> divisor) {
  return fmt::format("{} is not divisible by {} ({})", what, product_text(divisor),
                     quotient_text(dividend, product(divisor)));
}

std::string nearest_multiples(int64_t value, int64_t step, int64_t offset) {
  const int64_t below = value / step * step;
  const int64_t above = below + step - offset;
  return below - offset >= 1 ? fmt::format("{} or {}", below - offset, above)
                             : fmt::format("{}", above);
}

}  // namespace weft::parallel
