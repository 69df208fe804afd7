#include "weft/schedule/csv_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "weft/base/error.hpp"

namespace weft::schedule {

namespace {

/// Whether the whole of `text` is a number, which it then stores in `value`.
template <typename Number>
bool read_whole(std::string_view text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

}  // namespace

int64_t CsvLines::num_left() const {
  const auto ends = static_cast<int64_t>(std::ranges::count(rest_, '\n'));
  return rest_.empty() || rest_.back() == '\n' ? ends : ends + 1;
}

std::string_view CsvLines::next() {
  std::string_view line = rest_.substr(0, rest_.find('\n'));
  rest_.remove_prefix(std::min(rest_.size(), line.size() + 1));
  if (line.ends_with('\r')) line.remove_suffix(1);
  ++line_number_;
  return line;
}

void CsvLines::split(std::string_view line, std::string_view columns,
                     std::span<std::string_view> fields) const {
  const auto count = static_cast<size_t>(std::ranges::count(line, ',')) + 1;
  if (line.empty()) fault("an empty line", columns);
  if (count != fields.size()) {
    fault(fmt::format("{} columns in {}", count, in_quotes(line)),
          fmt::format("{} ({})", fields.size(), columns));
  }
  for (std::string_view& field : fields) {
    field = line.substr(0, line.find(','));
    line.remove_prefix(std::min(line.size(), field.size() + 1));
  }
}

int64_t CsvLines::integer(std::string_view text, std::string_view column) const {
  int64_t value = 0;
  if (!read_whole(text, value)) fault(fmt::format("{} {}", column, in_quotes(text)), "an integer");
  return value;
}

int64_t CsvLines::index(std::string_view text, std::string_view column, int64_t count) const {
  const int64_t value = integer(text, column);
  if (value < 0 || value >= count) {
    fault(fmt::format("{} {}", column, value), fmt::format("0 to {}", count - 1));
  }
  return value;
}

double CsvLines::number(std::string_view text, std::string_view column) const {
  double value = 0;
  if (!read_whole(text, value) || !std::isfinite(value)) {
    fault(fmt::format("{} {}", column, in_quotes(text)), "a finite number");
  }
  return value;
}

void CsvLines::fault(std::string_view got, std::string_view expected) const {
  fail(ErrorKind::data, "{}:{}: got {}, expected {}", name_, line_number_, got, expected);
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kLongest = 60;
  std::string shown(text.substr(0, kLongest));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return fmt::format("\"{}\"{}", shown, text.size() > kLongest ? "..." : "");
}

}  // namespace weft::schedule
