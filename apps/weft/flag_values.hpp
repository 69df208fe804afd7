#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weft/base/error.hpp"

namespace weft::app {

// Values of flags, checked; every refusal has the form "FLAG has a wrong value (got X, expected Y);
// try FLAG EXAMPLE".

template <typename Value>
[[noreturn]] void wrong_value(const std::string& flag, const Value& value,
                              const std::string& expected, const std::string& example) {
  fail_with_hint(ErrorKind::usage, flag + " " + example,
                 "{} has a wrong value (got {}, expected {})", flag, value, expected);
}

/// The finite number that is the whole of `text`.
double number(const std::string& text, const std::string& flag, const std::string& expected,
              const std::string& example);

/// `value` if it is from `least` to `most`.
double within(double value, double least, double most, const std::string& flag,
              const std::string& expected, const std::string& example);

/// `value` if it is at least 1.
int64_t at_least_one(int64_t value, const std::string& flag, const std::string& example);

/// The same of a flag that has to be given.
int64_t required(const std::optional<int64_t>& value, const std::string& flag,
                 const std::string& example);

/// The parts of `text` between separators, also empty ones; one at least.
std::vector<std::string> split(const std::string& text, char separator);

/// `text` with '-' for '_': names are accepted with either.
std::string with_dashes(std::string text);

/// "a, b, c"
std::string joined(std::span<const std::string_view> words, std::string_view separator = ", ");

}  // namespace weft::app
