#include "weft/train/argument_block.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

std::string argument_line(std::string_view name, std::string_view value) {
  constexpr size_t kColumns = 48;
  const std::string dots(name.size() < kColumns ? kColumns - name.size() : 0, '.');
  return fmt::format("  {} {} {}", name, dots, value);
}

std::vector<Argument> arguments(const OptionValues& values) {
  std::vector<Argument> all;
  for (const OptionSpec& spec : option_table()) {
    if (spec.origin != OptionOrigin::logged) continue;
    all.push_back({std::string(spec.name), print_python(values.at(spec.name))});
  }
  return all;
}

std::vector<std::string> argument_block(const OptionValues& values) {
  std::vector<std::string> lines;
  for (const Argument& argument : arguments(values)) {
    lines.push_back(argument_line(argument.name, argument.value));
  }
  std::sort(lines.begin(), lines.end(),
            [](const std::string& a, const std::string& b) { return lower(a) < lower(b); });
  lines.insert(lines.begin(), std::string(24, '-') + " arguments " + std::string(24, '-'));
  lines.push_back(std::string(20, '-') + " end of arguments " + std::string(21, '-'));
  return lines;
}

}  // namespace weft::train
