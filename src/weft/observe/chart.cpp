#include "weft/observe/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/observe/box_labels.hpp"
#include "weft/observe/task_style.hpp"
#include "weft/observe/time_axis.hpp"
#include "weft/observe/time_columns.hpp"

namespace weft::observe {

using schedule::CommitLog;
using schedule::Task;
using schedule::TaskKind;

namespace {

/// The characters of a chart besides letters and digits; one column each.
struct Glyphs {
  std::string_view border;  ///< before the first column
  std::string_view tick;    ///< at the column of a time
  std::string_view idle;
  std::string_view rest;  ///< of a task after its label
};

constexpr Glyphs kUnicode{"│", "└", "·", "─"};
constexpr Glyphs kAscii{"|", "|", ".", "-"};

std::string repeated(std::string_view glyph, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += glyph;
  return text;
}

/// Text and the columns that it takes on a terminal.
struct Piece {
  std::string text;
  int64_t num_columns = 0;
};

/// Text of one column per byte.
Piece plain(std::string_view text) { return {std::string(text), std::ssize(text)}; }

/// `text`, of one column per byte, on a background.
Piece painted(std::string_view text, const BoxColour& colour) {
  constexpr int kWhite = 231;
  constexpr int kBlack = 16;
  const int foreground = colour.is_dark ? kWhite : kBlack;
  return {fmt::format("\x1b[48;5;{};38;5;{}m{}\x1b[0m", colour.terminal, foreground, text),
          std::ssize(text)};
}

Piece operator+(const Piece& left, const Piece& right) {
  return {left.text + right.text, left.num_columns + right.num_columns};
}

/// Between the pieces of a legend.
Piece gap() { return plain("  "); }

/// Columns of the pieces of a legend.
int64_t columns_of(const std::vector<Piece>& pieces) {
  int64_t sum = -gap().num_columns;
  for (const Piece& piece : pieces) sum += gap().num_columns + piece.num_columns;
  return sum;
}

/// A line that takes pieces as long as there is room for them.
class Line {
 public:
  explicit Line(int64_t width) : width_(width) {}

  bool has_room(int64_t num_columns) const { return num_columns <= width_ - used(); }
  void append(const Piece& piece) {
    if (has_room(piece.num_columns)) line_ = line_ + piece;
  }
  int64_t used() const { return line_.num_columns; }
  std::string ended() const { return line_.text + "\n"; }

 private:
  int64_t width_;
  Piece line_;
};

class ChartWriter {
 public:
  ChartWriter(const CommitLog& log, const ChartOptions& options)
      : log_(log),
        options_(options),
        glyphs_(options.unicode ? kUnicode : kAscii),
        kinds_(kinds_in(log)),
        rank_digits_(std::ssize(fmt::to_string(std::max<int64_t>(1, std::ssize(log.ranks)) - 1))),
        num_columns_(fitting_columns(log, options.width - margin())),
        rows_(rows(log, num_columns_)),
        labels_(log, rows_, options.colour) {}

  std::string draw() const {
    const TimeAxis axis = make_time_axis(log_, num_columns_ / 8 + 2);
    std::string chart;
    for (size_t rank = 0; rank < rows_.size(); ++rank) {
      chart += fmt::format("rank {:>{}} {}", rank, rank_digits_, glyphs_.border);
      const auto& cells = rows_[rank];
      for (size_t i = 0; i < cells.size(); ++i) {
        const bool is_last = i + 1 == cells.size();
        chart += box(cells[i], !is_last && look_alike(cells[i], cells[i + 1]));
      }
      chart += '\n';
    }
    return chart + axis_line(axis) + legend_line(axis);
  }

 private:
  /// Columns before the first one of the chart: "rank 12 │".
  int64_t margin() const { return 5 + rank_digits_ + 2; }

  static std::vector<std::vector<Cell>> rows(const CommitLog& log, int64_t num_columns) {
    std::vector<std::vector<Cell>> rows;
    for (const auto& rank : log.ranks) {
      rows.push_back(cut_into_columns(rank, log.makespan(), num_columns));
    }
    return rows;
  }

  /// Whether only their text tells two boxes apart.
  bool look_alike(const Cell& cell, const Cell& next) const {
    if (!options_.colour || cell.is_idle() || next.is_idle()) return false;
    const Task& task = cell.entry->task;
    const Task& other = next.entry->task;
    return task.kind == other.kind && shade(task) == shade(other);
  }

  int64_t shade(const Task& task) const { return shade_of(task.chunk, log_.stages.num_chunks); }

  std::string box(const Cell& cell, bool is_next_alike) const {
    if (cell.is_idle()) {
      const std::string idle = repeated(glyphs_.idle, cell.num_columns);
      return options_.colour ? fmt::format("\x1b[2m{}\x1b[0m", idle) : idle;
    }
    const Task& task = cell.entry->task;
    std::string text = labels_.text(task, cell.num_columns);
    if (is_next_alike && text.size() > 1) text = labels_.text(task, cell.num_columns - 1);
    const int64_t left = cell.num_columns - std::ssize(text);
    if (!options_.colour) return text + repeated(glyphs_.rest, left);
    return painted(text + repeated(" ", left), colour_of(task.kind, shade(task))).text;
  }

  std::string axis_line(const TimeAxis& axis) const {
    Line line(options_.width);
    const Piece unit = plain(" " + axis.unit);
    const double end = log_.makespan();
    for (const Tick& tick : axis.ticks) {
      const double share = end > 0 ? tick.time / end : 0;
      const auto column = std::floor(share * static_cast<double>(num_columns_) + 1e-6);
      const int64_t blank = margin() + static_cast<int64_t>(column) - line.used();
      if (blank < 1) continue;
      const Piece glyph{std::string(glyphs_.tick), 1};
      const Piece mark = plain(repeated(" ", blank)) + glyph + plain(tick.label);
      if (line.has_room(mark.num_columns + unit.num_columns)) line.append(mark);
    }
    line.append(unit);
    return line.ended();
  }

  std::string legend_line(const TimeAxis& axis) const {
    std::vector<Piece> pieces = kind_pieces(description);
    if (columns_of(pieces) > options_.width) pieces = kind_pieces(short_description);
    const bool has_chunks = log_.stages.num_chunks > 1 && !kinds_.empty();
    if (has_chunks && options_.colour) pieces.push_back(chunk_swatches());
    if (labels_.shows_odd_chunks_in_lower_case()) pieces.push_back(plain("lower case: odd chunks"));
    if (labels_.shows_microbatches()) {
      pieces.push_back(plain(labels_.shows_chunks() ? "chunk.microbatch" : "number: microbatch"));
    }
    const double per_column =
        log_.makespan() / axis.unit_length / static_cast<double>(num_columns_);
    pieces.push_back(plain(fmt::format("{:.3g} {}/column", per_column, axis.unit)));

    Line line(options_.width);
    for (const Piece& piece : pieces) line.append(line.used() == 0 ? piece : gap() + piece);
    return line.ended();
  }

  /// The kinds in the log and idle time, each with its word from `describe`.
  std::vector<Piece> kind_pieces(std::string_view (*describe)(TaskKind)) const {
    std::vector<Piece> pieces;
    for (const TaskKind kind : kinds_) {
      pieces.push_back(kind_swatch(kind) + plain(fmt::format(" {}", describe(kind))));
    }
    pieces.push_back(Piece{std::string(glyphs_.idle), 1} + plain(" idle"));
    return pieces;
  }

  Piece kind_swatch(TaskKind kind) const {
    const std::string text(1, letter(kind));
    if (!options_.colour) return plain(text);
    return painted(" " + text + " ", colour_of(kind, shade_of(0, log_.stages.num_chunks)));
  }

  Piece chunk_swatches() const {
    Piece swatches = plain("chunk ");
    for (const auto& [shade, first, last] : shaded_chunks(log_.stages.num_chunks)) {
      const std::string text =
          first == last ? fmt::format(" {} ", first) : fmt::format(" {}-{} ", first, last);
      swatches = swatches + painted(text, colour_of(kinds_.front(), shade));
    }
    return swatches;
  }

  const CommitLog& log_;
  ChartOptions options_;
  Glyphs glyphs_;
  std::vector<TaskKind> kinds_;
  int64_t rank_digits_;
  int64_t num_columns_;
  std::vector<std::vector<Cell>> rows_;
  BoxLabels labels_;
};

}  // namespace

std::string draw_chart(const CommitLog& log, const ChartOptions& options) {
  check(options.width >= kLeastChartWidth, ErrorKind::usage,
        "a chart of {} columns (expected at least {})", options.width, kLeastChartWidth);
  return ChartWriter(log, options).draw();
}

}  // namespace weft::observe
