#include "weft/train/option_values.hpp"

#include "weft/base/error.hpp"
#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

template <typename T>
const T& expect_type(std::string_view name, const OptionValue& value) {
  const T* typed = std::get_if<T>(&value);
  check(typed != nullptr, ErrorKind::internal, "option {} was read as the wrong type (it is {})",
        name, print_python(value));
  return *typed;
}

}  // namespace

std::string_view name(ValueSource source) {
  switch (source) {
    case ValueSource::defaults:
      return "default";
    case ValueSource::preset:
      return "preset";
    case ValueSource::config_file:
      return "config file";
    case ValueSource::environment:
      return "environment";
    case ValueSource::flag:
      return "flag";
    case ValueSource::checkpoint:
      return "checkpoint";
    case ValueSource::derived:
      return "derived";
  }
  return "";
}

OptionValues::OptionValues() {
  for (const OptionSpec& spec : option_table()) {
    entries_.emplace(spec.name, Entry{default_value(spec)});
  }
}

OptionValues::Entry& OptionValues::entry(std::string_view name) {
  const auto found = entries_.find(name);
  check(found != entries_.end(), ErrorKind::internal, "there is no option called {}", name);
  return found->second;
}

const OptionValues::Entry& OptionValues::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  check(found != entries_.end(), ErrorKind::internal, "there is no option called {}", name);
  return found->second;
}

const OptionValue& OptionValues::at(std::string_view name) const { return entry(name).value; }

ValueSource OptionValues::source(std::string_view name) const { return entry(name).source; }

bool OptionValues::given(std::string_view name) const { return entry(name).given; }

bool OptionValues::is_none(std::string_view name) const {
  return std::holds_alternative<std::monostate>(at(name));
}

bool OptionValues::flag(std::string_view name) const {
  const OptionValue& value = at(name);
  if (std::holds_alternative<std::monostate>(value)) return false;
  if (const int64_t* number = std::get_if<int64_t>(&value)) return *number != 0;
  return expect_type<bool>(name, value);
}

int64_t OptionValues::integer(std::string_view name) const {
  return expect_type<int64_t>(name, at(name));
}

double OptionValues::real(std::string_view name) const {
  if (const int64_t* whole = std::get_if<int64_t>(&at(name))) return static_cast<double>(*whole);
  return expect_type<double>(name, at(name));
}

std::string OptionValues::text(std::string_view name) const {
  return is_none(name) ? std::string() : expect_type<std::string>(name, at(name));
}

std::vector<std::string> OptionValues::words(std::string_view name) const {
  if (is_none(name)) return {};
  return expect_type<std::vector<std::string>>(name, at(name));
}

std::vector<int64_t> OptionValues::integers(std::string_view name) const {
  if (is_none(name)) return {};
  return expect_type<std::vector<int64_t>>(name, at(name));
}

std::optional<int64_t> OptionValues::maybe_integer(std::string_view name) const {
  if (is_none(name)) return std::nullopt;
  return integer(name);
}

std::optional<double> OptionValues::maybe_real(std::string_view name) const {
  if (is_none(name)) return std::nullopt;
  return real(name);
}

void OptionValues::set(std::string_view name, OptionValue value, ValueSource source) {
  Entry& target = entry(name);
  target.value = std::move(value);
  target.source = source;
  target.given = source != ValueSource::derived && source != ValueSource::defaults;
}

void OptionValues::derive(std::string_view name, OptionValue value) {
  Entry& target = entry(name);
  if (target.value == value) return;
  target.value = std::move(value);
  target.source = ValueSource::derived;
}

}  // namespace weft::train
