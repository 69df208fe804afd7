#include "weft/train/option_status.hpp"

#include <fmt/format.h>

#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

std::optional<double> as_number(const OptionValue& value) {
  if (const auto* whole = std::get_if<int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

// Some float options have integer defaults, so 1000 and 1000.0 are the same.
bool same(const OptionValue& a, const OptionValue& b) {
  const auto x = as_number(a);
  const auto y = as_number(b);
  return x && y ? *x == *y : a == b;
}

struct Note {
  std::string reason;
  std::string hint;
};

// A note reads "reason; use ALTERNATIVE", or only one of the two.
Note split_note(const OptionSpec& spec) {
  Note note{"", fmt::format("without {}", main_flag(spec))};
  std::string_view text = spec.note;
  const size_t semicolon = text.find("; ");
  const std::string_view last =
      semicolon == std::string_view::npos ? text : text.substr(semicolon + 2);
  if (last.starts_with("use ")) note.hint = last.substr(4);
  if (semicolon != std::string_view::npos)
    note.reason = text.substr(0, semicolon);
  else if (!last.starts_with("use "))
    note.reason = text;
  return note;
}

std::string got_and_expected(const OptionSpec& spec, const OptionValue& value) {
  const bool is_switch = spec.kind == OptionKind::set_true || spec.kind == OptionKind::set_false;
  if (is_switch) return "(got the flag, expected none)";
  return fmt::format("(got {}, expected {})", print_python(value),
                     print_python(default_value(spec)));
}

OptionProblem refusal(const OptionSpec& spec, const OptionValue& value) {
  if (spec.status == OptionStatus::removed) return {std::string(spec.note), ""};
  const Note note = split_note(spec);
  const char* verb =
      spec.status == OptionStatus::refused ? "weft does not take" : "weft does not do";
  const char* yet = spec.status == OptionStatus::refused ? "" : " yet";
  const std::string reason = note.reason.empty() ? "" : ": " + note.reason;
  return {fmt::format("{} {}{}{} {}", verb, main_flag(spec), yet, reason,
                      got_and_expected(spec, value)),
          note.hint};
}

}  // namespace

void check_statuses(const OptionValues& values, std::vector<OptionProblem>& problems,
                    std::vector<std::string>& warnings) {
  for (const OptionSpec& spec : option_table()) {
    if (!values.given(spec.name)) continue;
    const OptionValue& value = values.at(spec.name);
    switch (spec.status) {
      case OptionStatus::acts:
      case OptionStatus::derived:
        break;
      case OptionStatus::no_effect:
        warnings.push_back(fmt::format("{} has no effect: {}", main_flag(spec), spec.note));
        break;
      case OptionStatus::refused:
      case OptionStatus::not_yet:
      case OptionStatus::removed:
        if (!same(value, default_value(spec))) problems.push_back(refusal(spec, value));
        break;
    }
  }
}

}  // namespace weft::train
