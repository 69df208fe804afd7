#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "weft/train/option_spec.hpp"

namespace weft::train {

/// A value as Python would hold it; monostate is None.
using OptionValue = std::variant<std::monostate, bool, int64_t, double, std::string,
                                 std::vector<int64_t>, std::vector<std::string>>;

/// `value` as Python's str() writes it: None, True, 1e-08, 0.0, ['p2p'], [0].
std::string print_python(const OptionValue& value);

/// `value` as Python's repr() writes a float: the shortest digits that read back to the same bits,
/// always with a point or an exponent.
std::string print_python(double value);

/// Something wrong with one option: a sentence with what was found and expected, and the flag to
/// change.
struct OptionProblem {
  std::string message;
  std::string hint;
  std::string option = {};  ///< the option whose value could not be read, if that is the problem
};

/// The value that `spec` has when nothing is given.
OptionValue default_value(const OptionSpec& spec);

/// The words after a flag as a value; `problem` is set instead when they do not fit.
OptionValue parse_words(const OptionSpec& spec, std::span<const std::string> words,
                        std::optional<OptionProblem>& problem);

/// A word of a config file or of the environment as a value: None, true, false, or what
/// parse_words takes. Lists are words separated by white space. Only options whose default is None
/// can be None.
OptionValue parse_setting(const OptionSpec& spec, const std::string& text,
                          std::optional<OptionProblem>& problem);

/// The whole of `text` as an integer, or nothing.
std::optional<int64_t> parse_integer(std::string_view text);

/// The whole of `text` as a number, or nothing; inf and nan count.
std::optional<double> parse_real(std::string_view text);

}  // namespace weft::train
