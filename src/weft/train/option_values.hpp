#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/train/option_value.hpp"

namespace weft::train {

/// Where a value comes from, in the order in which later ones win.
enum class ValueSource { defaults, preset, config_file, environment, flag, checkpoint, derived };

/// Name of a source for `weft config show`, for example "config file".
std::string_view name(ValueSource source);

/// The value of every option of the table, each with its source. Names are Megatron's. Asking for
/// an unknown name or the wrong type is a bug in weft and throws Error{internal}.
class OptionValues {
 public:
  /// All defaults.
  OptionValues();

  const OptionValue& at(std::string_view name) const;
  ValueSource source(std::string_view name) const;
  /// Whether the user gave a value, by preset, file, environment, flag or checkpoint.
  bool given(std::string_view name) const;
  bool is_none(std::string_view name) const;

  bool flag(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  std::string text(std::string_view name) const;                ///< None is an empty text
  std::vector<std::string> words(std::string_view name) const;  ///< None is an empty list
  std::vector<int64_t> integers(std::string_view name) const;   ///< None is an empty list
  std::optional<int64_t> maybe_integer(std::string_view name) const;
  std::optional<double> maybe_real(std::string_view name) const;

  void set(std::string_view name, OptionValue value, ValueSource source);
  /// Sets what follows from other options; the source becomes `derived`.
  void derive(std::string_view name, OptionValue value);

 private:
  struct Entry {
    OptionValue value;
    ValueSource source = ValueSource::defaults;
    bool given = false;
  };
  Entry& entry(std::string_view name);
  const Entry& entry(std::string_view name) const;

  std::map<std::string_view, Entry> entries_;
};

/// The options of a run, ready to be printed and acted on.
struct ResolvedOptions {
  OptionValues values;
  std::vector<std::string> notices;         ///< Megatron's lines before the argument block
  std::vector<std::string> warnings;        ///< one per given option that has no effect
  std::vector<std::string> argument_block;  ///< header, one line per argument, footer
};

}  // namespace weft::train
