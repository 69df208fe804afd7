#include "apps/weft/flag_values.hpp"

#include <algorithm>
#include <cmath>

namespace weft::app {

double number(const std::string& text, const std::string& flag, const std::string& expected,
              const std::string& example) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != text.size() || text.empty() || !std::isfinite(value)) {
    wrong_value(flag, text, expected, example);
  }
  return value;
}

double within(double value, double least, double most, const std::string& flag,
              const std::string& expected, const std::string& example) {
  if (!(value >= least && value <= most)) wrong_value(flag, value, expected, example);
  return value;
}

int64_t at_least_one(int64_t value, const std::string& flag, const std::string& example) {
  if (value < 1) wrong_value(flag, value, "at least 1", example);
  return value;
}

int64_t required(const std::optional<int64_t>& value, const std::string& flag,
                 const std::string& example) {
  if (!value) fail_with_hint(ErrorKind::usage, flag + " " + example, "{} is missing", flag);
  return at_least_one(*value, flag, example);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string with_dashes(std::string text) {
  std::ranges::replace(text, '_', '-');
  return text;
}

std::string joined(std::span<const std::string_view> words, std::string_view separator) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

}  // namespace weft::app
