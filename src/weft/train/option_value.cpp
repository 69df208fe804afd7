#include "weft/train/option_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace weft::train {

namespace {

// Python prefers single quotes and falls back to double ones when that saves escapes.
std::string quote(std::string_view text) {
  const bool single = text.find('\'') == std::string_view::npos;
  const char mark = single || text.find('"') != std::string_view::npos ? '\'' : '"';
  std::string quoted(1, mark);
  for (const char c : text) {
    if (c == mark || c == '\\')
      quoted.append({'\\', c});
    else if (c == '\n')
      quoted += "\\n";
    else if (c == '\t')
      quoted += "\\t";
    else if (c == '\r')
      quoted += "\\r";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else
      quoted.push_back(c);
  }
  return quoted + mark;
}

struct Printer {
  std::string operator()(std::monostate) const { return "None"; }
  std::string operator()(bool value) const { return value ? "True" : "False"; }
  std::string operator()(int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const { return print_python(value); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const std::vector<int64_t>& values) const {
    std::string text = "[";
    for (const int64_t value : values) {
      if (text.size() > 1) text += ", ";
      text += fmt::format("{}", value);
    }
    return text + "]";
  }
  std::string operator()(const std::vector<std::string>& values) const {
    std::string text = "[";
    for (const std::string& value : values) {
      if (text.size() > 1) text += ", ";
      text += quote(value);
    }
    return text + "]";
  }
};

OptionProblem wrong(const OptionSpec& spec, std::string_view got, const std::string& expected) {
  return {fmt::format("{} has a wrong value (got {}, expected {})", main_flag(spec),
                      got.empty() ? "nothing" : got, expected),
          std::string(main_flag(spec)), std::string(spec.name)};
}

std::string allowed(std::string_view choices) {
  std::string text = "one of ";
  for (const char c : choices) {
    if (c == '|')
      text += ", ";
    else
      text.push_back(c);
  }
  return text;
}

bool is_allowed(const OptionSpec& spec, std::string_view word) {
  if (spec.choices.empty()) return true;
  const auto choices = split_words(spec.choices, '|');
  return std::find(choices.begin(), choices.end(), word) != choices.end();
}

OptionValue parse_integer_word(const OptionSpec& spec, const std::string& word,
                               std::optional<OptionProblem>& problem) {
  const std::optional<int64_t> value = parse_integer(word);
  if (value && is_allowed(spec, word)) return *value;
  problem = wrong(spec, word, spec.choices.empty() ? "a 64-bit integer" : allowed(spec.choices));
  return {};
}

OptionValue parse_integers(const OptionSpec& spec, std::span<const std::string> words,
                           std::optional<OptionProblem>& problem) {
  std::vector<int64_t> values;
  for (const std::string& word : words) {
    const std::optional<int64_t> value = parse_integer(word);
    if (!value) {
      problem = wrong(spec, word, "integers");
      return {};
    }
    values.push_back(*value);
  }
  return values;
}

// "[0, 1, 1]" or a plain integer.
OptionValue parse_integer_or_list(const OptionSpec& spec, const std::string& word,
                                  std::optional<OptionProblem>& problem) {
  if (word.size() < 2 || word.front() != '[' || word.back() != ']') {
    return parse_integer_word(spec, word, problem);
  }
  std::vector<std::string> items;
  for (const std::string_view item :
       split_words(std::string_view(word).substr(1, word.size() - 2), ',')) {
    const size_t first = item.find_first_not_of(' ');
    const size_t last = item.find_last_not_of(' ');
    items.emplace_back(first == std::string_view::npos ? "" : item.substr(first, last - first + 1));
  }
  return parse_integers(spec, items, problem);
}

OptionValue parse_flag(const OptionSpec& spec, std::span<const std::string> words,
                       std::optional<OptionProblem>& problem) {
  if (words.empty()) return spec.kind == OptionKind::set_true;
  problem = wrong(spec, words.front(), "no value: it is a switch");
  return {};
}

OptionValue parse_one(const OptionSpec& spec, const std::string& word,
                      std::optional<OptionProblem>& problem) {
  switch (spec.kind) {
    case OptionKind::integer:
    case OptionKind::flag_or_integer:
      return parse_integer_word(spec, word, problem);
    case OptionKind::integer_or_list:
      return parse_integer_or_list(spec, word, problem);
    case OptionKind::number:
      if (const auto whole = parse_integer(word)) return *whole;
      [[fallthrough]];
    case OptionKind::real: {
      const std::optional<double> value = parse_real(word);
      if (value) return *value;
      problem = wrong(spec, word, "a number");
      return {};
    }
    case OptionKind::boolean:
      return !word.empty();
    default:
      if (is_allowed(spec, word)) return word;
      problem = wrong(spec, word, allowed(spec.choices));
      return {};
  }
}

bool is_list(const OptionSpec& spec) {
  return spec.kind == OptionKind::integer_list || spec.kind == OptionKind::text_list;
}

bool is_switch(const OptionSpec& spec) {
  return spec.kind == OptionKind::set_true || spec.kind == OptionKind::set_false;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

}  // namespace

std::string print_python(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string print_python(const OptionValue& value) { return std::visit(Printer{}, value); }

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

OptionValue default_value(const OptionSpec& spec) {
  const std::string text(spec.default_value);
  if (text == "None") return {};
  if (text == "True") return true;
  if (text == "False") return false;
  if (is_list(spec)) {
    std::string inner = text.substr(1, text.size() - 2);
    std::erase(inner, '\'');
    const std::vector<std::string> words = words_of(inner);
    std::optional<OptionProblem> unused;
    if (spec.kind == OptionKind::integer_list) return parse_integers(spec, words, unused);
    return words;
  }
  // A default that Megatron declares as an integer prints as one, even for a float option.
  if (spec.kind != OptionKind::text) {
    if (const auto integer = parse_integer(text)) return *integer;
    if (const auto real = parse_real(text)) return *real;
  }
  return text;
}

OptionValue parse_words(const OptionSpec& spec, std::span<const std::string> words,
                        std::optional<OptionProblem>& problem) {
  if (is_switch(spec)) return parse_flag(spec, words, problem);
  if (spec.kind == OptionKind::flag_or_integer && words.empty()) return true;
  if (words.empty() && spec.list_size != ListSize::zero_or_more) {
    problem = {fmt::format("{} has no value (got nothing, expected {})", main_flag(spec),
                           spec.choices.empty() ? "a value" : allowed(spec.choices)),
               fmt::format("{} VALUE", main_flag(spec)), std::string(spec.name)};
    return {};
  }
  if (spec.kind == OptionKind::integer_list) return parse_integers(spec, words, problem);
  if (spec.kind == OptionKind::text_list)
    return std::vector<std::string>(words.begin(), words.end());
  return parse_one(spec, words.front(), problem);
}

OptionValue parse_setting(const OptionSpec& spec, const std::string& text,
                          std::optional<OptionProblem>& problem) {
  if (text == "None" || text == "null") {
    if (spec.default_value == "None") return {};
    problem = wrong(spec, text, "a value");
    return {};
  }
  if (is_switch(spec) || spec.kind == OptionKind::flag_or_integer ||
      spec.kind == OptionKind::boolean) {
    if (text == "true" || text == "True" || text == "1") return true;
    if (text == "false" || text == "False" || text == "0") return false;
    if (spec.kind != OptionKind::flag_or_integer) {
      problem = wrong(spec, text, "true or false");
      return {};
    }
  }
  if (is_list(spec)) return parse_words(spec, words_of(text), problem);
  return parse_words(spec, std::vector<std::string>{text}, problem);
}

}  // namespace weft::train
