#include "weft/schedule/csv_cell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <limits>

#include "weft/base/error.hpp"

namespace weft::schedule {

namespace {

char csv_letter(TaskKind kind) {
  if (kind == TaskKind::backward_input) return 'I';
  return kind == TaskKind::backward ? 'B' : letter(kind);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_kind_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

/// Splits off the leading characters for which `belongs` holds.
template <typename Belongs>
std::string_view take(std::string_view& text, Belongs belongs) {
  const auto end = std::ranges::find_if_not(text, belongs);
  const std::string_view taken = text.substr(0, static_cast<size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

/// Whether a kind is one that torch writes beside F, I, W and B: transfers and sharding.
bool is_other_action(std::string_view kind) {
  constexpr std::array<std::string_view, 10> kOthers{
      "SEND_F",      "RECV_F",  "SEND_B",  "RECV_B",      "WAIT_SEND_F",
      "WAIT_SEND_B", "UNSHARD", "RESHARD", "REDUCE_GRAD", "WAIT_REDUCE_GRAD"};
  return std::ranges::find(kOthers, kind) != kOthers.end();
}

int64_t parse_number(std::string_view digits, const char* what, std::string_view cell,
                     const CsvPlace& place) {
  int32_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (result.ec == std::errc()) return number;
  fail(ErrorKind::data, "{}: line {}: the {} of {} is out of range (expected 0 to {})", place.file,
       place.line, what, quoted(cell), std::numeric_limits<int32_t>::max());
}

}  // namespace

std::string csv_cell(int64_t stage, TaskKind kind, int64_t microbatch) {
  return fmt::format("{}{}{}", stage, csv_letter(kind), microbatch);
}

Task parse_csv_cell(std::string_view cell, const CsvPlace& place) {
  std::string_view rest = cell;
  const std::string_view stage = take(rest, is_digit);
  const std::string_view kind = take(rest, is_kind_letter);
  const std::string_view microbatch = take(rest, is_digit);
  if (is_other_action(kind)) {
    fail_with_hint(ErrorKind::data, "dump the schedule with format=\"compute_only\"",
                   "{}: line {}: {} is no compute action; only compute-only files are read",
                   place.file, place.line, quoted(cell));
  }
  if (stage.empty() || kind.empty() || microbatch.empty() || !rest.empty()) {
    fail(ErrorKind::data,
         "{}: line {}: cannot read {} (expected stage, kind and microbatch, such as 0F0)",
         place.file, place.line, quoted(cell));
  }
  for (const TaskKind known : {TaskKind::forward, TaskKind::backward_input,
                               TaskKind::backward_weight, TaskKind::backward}) {
    if (kind.size() != 1 || kind[0] != csv_letter(known)) continue;
    return {known, parse_number(stage, "stage", cell, place),
            parse_number(microbatch, "microbatch", cell, place)};
  }
  fail(ErrorKind::data, "{}: line {}: {} has an unknown kind (expected F, I, W or B)", place.file,
       place.line, quoted(cell));
}

std::string quoted(std::string_view text) {
  constexpr size_t kMaxBytes = 32;
  std::string shown = "\"";
  for (const char c : text.substr(0, kMaxBytes)) {
    if (c >= ' ' && c <= '~') {
      shown += c;
    } else {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return shown + (text.size() > kMaxBytes ? "...\"" : "\"");
}

}  // namespace weft::schedule
