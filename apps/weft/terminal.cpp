#include "apps/weft/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "weft/observe/chart.hpp"

namespace weft::app {

namespace {

/// The largest width that a chart is drawn for.
constexpr int64_t kMostWidth = 400;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// POSIX: COLUMNS is the width that the user prefers, so it goes before the terminal's own.
int64_t columns() {
  const std::string_view text = environment("COLUMNS");
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value > 0) return value;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

// The first of these that is set decides, as for the C library.
bool is_utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value(environment(name));
    if (value.empty()) continue;
    std::ranges::transform(value, value.begin(), [](unsigned char c) { return std::tolower(c); });
    return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace

Terminal detect_terminal() {
  Terminal terminal;
  terminal.width = std::clamp(columns(), observe::kLeastChartWidth, kMostWidth);
  terminal.colour = isatty(STDOUT_FILENO) != 0 && environment("NO_COLOR").empty() &&
                    environment("TERM") != "dumb";
  terminal.unicode = is_utf8_locale();
  return terminal;
}

}  // namespace weft::app
