#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weft::schedule {

/// A text read line by line, whose faults name the file and the line that was read last. Views of
/// lines and fields live as long as the text.
class CsvLines {
 public:
  /// `name` is what faults call the text: its path.
  CsvLines(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  bool at_end() const { return rest_.empty(); }
  /// Number of lines not yet read.
  int64_t num_left() const;
  /// The next line without its line end (LF or CRLF); an empty line at the end of the text.
  std::string_view next();
  /// Cuts `line` at its commas into exactly as many fields as `columns` names.
  void split(std::string_view line, std::string_view columns,
             std::span<std::string_view> fields) const;

  /// The whole of `text` as a number; `column` says in a fault what it is.
  int64_t integer(std::string_view text, std::string_view column) const;
  /// As integer, from 0 to `count` - 1.
  int64_t index(std::string_view text, std::string_view column, int64_t count) const;
  /// As integer, for a finite number.
  double number(std::string_view text, std::string_view column) const;

  /// Throws Error{data}: "name:line: got X, expected Y".
  [[noreturn]] void fault(std::string_view got, std::string_view expected) const;

 private:
  std::string_view rest_;
  std::string_view name_;
  int64_t line_number_ = 0;
};

/// `text` in quotes as a message may show it: short, and without what a terminal would obey.
std::string in_quotes(std::string_view text);

}  // namespace weft::schedule
