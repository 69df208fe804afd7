#include "weft/observe/decimal.hpp"

#include <fmt/format.h>

namespace weft::observe {

std::string to_decimal(double value, int most_decimals) {
  std::string text = fmt::format("{:.{}f}", value, most_decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

}  // namespace weft::observe
