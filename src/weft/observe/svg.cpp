#include "weft/observe/svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/observe/decimal.hpp"
#include "weft/observe/task_style.hpp"
#include "weft/observe/time_axis.hpp"
#include "weft/observe/xml_text.hpp"

namespace weft::observe {

using schedule::CommitEntry;
using schedule::CommitLog;
using schedule::Task;
using schedule::TaskKind;

namespace {

// Lengths in pixels; text widths are those of common sans-serif fonts.
constexpr double kMargin = 14;
constexpr double kIdleColumn = 48;  // right of the lanes
constexpr double kLaneHeight = 24;
constexpr double kLanePitch = 28;
constexpr double kDigitWidth = 6.2;
constexpr double kCharacterWidth = 6.3;
constexpr double kSwatchHeight = 16;
constexpr double kLegendPitch = 22;
constexpr double kTickPitch = 60;

// Everything hangs below one class, so that the picture can stand in a page among others.
constexpr std::string_view kStyle =
    R"(.weft text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;)"
    "fill:#24292f}"
    ".weft .t{font-size:15px;font-weight:600}"
    ".weft .s{fill:#6e7781}"
    ".weft .e{text-anchor:end}"
    ".weft .c text{text-anchor:middle;font-size:11px}"
    ".weft .l{fill:#fff}"
    ".weft .i{fill:#e9edf1}"
    ".weft .g{stroke:#d0d7de}";

/// A length in pixels.
std::string px(double length) { return to_decimal(length, 2); }

std::string style_class(TaskKind kind, int64_t shade) {
  return fmt::format("{}{}", letter(kind), shade);
}

template <typename... Args>
std::string line(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...) + "\n";
}

double text_width(std::string_view text) {
  return kCharacterWidth * static_cast<double>(text.size());
}

/// A box of the legend.
struct Swatch {
  std::string box_class;
  std::string text;  ///< in the box
  bool is_dark = false;

  double width() const { return std::max(kSwatchHeight, text_width(text) + 6); }
};

/// Boxes of the legend and what they mean.
struct LegendItem {
  std::vector<Swatch> swatches;
  std::string text;

  double width() const {
    double width = text_width(text);
    for (const Swatch& swatch : swatches) width += swatch.width() + 1;
    return width + text_gap();
  }
  /// Between the boxes and the text.
  double text_gap() const { return swatches.empty() ? 0 : 5; }
};

class SvgWriter {
 public:
  SvgWriter(const CommitLog& log, const SvgOptions& options)
      : log_(log),
        title_(options.title),
        kinds_(kinds_in(log)),
        makespan_(log.makespan()),
        end_(std::max(makespan_, options.end)),
        width_(static_cast<double>(options.width)),
        left_(kMargin + text_width(rank_name(std::max<int64_t>(1, std::ssize(log.ranks)) - 1)) + 8),
        right_(width_ - kMargin - kIdleColumn),
        top_(title_.empty() ? 26 : 54),
        bottom_(top_ + kLanePitch * static_cast<double>(log.ranks.size())) {}

  std::string write() {
    const TimeAxis axis =
        make_time_axis(end_, log_.time_unit,
                       std::max<int64_t>(3, static_cast<int64_t>((right_ - left_) / kTickPitch)));
    add_axis(axis);
    for (size_t rank = 0; rank < log_.ranks.size(); ++rank) add_lane(rank);
    const double height = add_legend() + kMargin;
    return head(height) + body_ + "</svg>\n";
  }

 private:
  static std::string rank_name(int64_t rank) { return fmt::format("rank {}", rank); }

  double x_of(double time) const { return end_ > 0 ? (right_ - left_) * (time / end_) : 0; }

  /// Lanes end with the step, also where the axis goes on.
  double lane_width() const { return makespan_ > 0 ? x_of(makespan_) : right_ - left_; }

  std::string head(double height) const {
    std::string head =
        line(R"(<svg class="weft" xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" )"
             R"(viewBox="0 0 {0} {1}" role="img">)",
             px(width_), px(height));
    if (!title_.empty()) head += line("<title>{}</title>", xml_text(title_));
    head += line("<style>{}{}</style>", kStyle, box_styles());
    head += line(R"(<rect width="100%" height="100%" fill="#fff"/>)");
    if (!title_.empty()) {
      head += line(R"(<text class="t" x="{}" y="26">{}</text>)", px(kMargin), xml_text(title_));
    }
    return head;
  }

  std::string box_styles() const {
    std::string styles;
    for (const TaskKind kind : kinds_) {
      for (const ShadedChunks& chunks : shaded_chunks(log_.stages.num_chunks)) {
        styles += fmt::format(".weft .{}{{fill:{}}}", style_class(kind, chunks.shade),
                              colour_of(kind, chunks.shade).hex);
      }
    }
    return styles;
  }

  /// The marks of the axis run behind the lanes.
  void add_axis(const TimeAxis& axis) {
    body_ +=
        line(R"(<text class="s e" x="{}" y="{}">idle</text>)", px(width_ - kMargin), px(top_ - 7));
    body_ += R"(<path class="g" d=")";
    for (const Tick& tick : axis.ticks) {
      body_ += fmt::format("M{} {}V{}", px(left_ + x_of(tick.time)), px(top_ - 4), px(bottom_ + 4));
    }
    body_ += "\"/>\n";
    body_ += line(R"(<g class="c">)");
    for (const Tick& tick : axis.ticks) {
      body_ += line(R"(<text class="s" x="{}" y="{}">{}</text>)", px(left_ + x_of(tick.time)),
                    px(bottom_ + 17), tick.label);
    }
    body_ += "</g>\n";
    body_ += line(R"(<text class="s e" x="{}" y="{}">{}</text>)", px(width_ - kMargin),
                  px(bottom_ + 17), xml_text(axis.unit));
  }

  void add_lane(size_t rank) {
    const double y = top_ + kLanePitch * static_cast<double>(rank);
    body_ += line(R"(<text x="{}" y="{}">{}</text>)", px(kMargin), px(y + 16),
                  rank_name(static_cast<int64_t>(rank)));
    body_ += line(R"(<text class="s e" x="{}" y="{}">{:.1f}%</text>)", px(width_ - kMargin),
                  px(y + 16), 100 * idle_share(log_.ranks[rank]));
    body_ += line(R"svg(<g class="c" transform="translate({} {})">)svg", px(left_), px(y));
    body_ += line(R"(<rect class="i" width="{}" height="{}"/>)", px(lane_width()), px(kLaneHeight));
    for (const CommitEntry& entry : log_.ranks[rank]) add_task(entry);
    body_ += "</g>\n";
  }

  double idle_share(const std::vector<CommitEntry>& entries) const {
    double busy = 0;
    for (const CommitEntry& entry : entries) busy += entry.end - entry.start;
    return makespan_ > 0 ? std::clamp(1 - busy / makespan_, 0.0, 1.0) : 1.0;
  }

  void add_task(const CommitEntry& entry) {
    const Task& task = entry.task;
    const int64_t shade = shade_of(task.chunk, log_.stages.num_chunks);
    const double x = x_of(entry.start);
    const double room = x_of(entry.end) - x;
    const double gap = room > 4 ? 1 : room > 1.5 ? 0.3 : 0;  // between boxes
    body_ += fmt::format(R"(<rect class="{}" x="{}" width="{}" height="{}"/>)",
                         style_class(task.kind, shade), px(x), px(room - gap), px(kLaneHeight));
    const std::string number = fmt::to_string(task.microbatch);
    if (kDigitWidth * static_cast<double>(number.size()) + 0.6 <= room - gap) {
      has_numbers_ = true;
      add_number(number, colour_of(task.kind, shade).is_dark, x + (room - gap) / 2, 16);
    }
    body_ += "\n";
  }

  /// Adds the legend below the axis, in as many lines as it takes; returns its lower edge.
  double add_legend() {
    std::vector<LegendItem> items;
    const auto shades = shaded_chunks(log_.stages.num_chunks);
    for (const TaskKind kind : kinds_) {
      LegendItem& item =
          items.emplace_back(LegendItem{{}, fmt::format("{} {}", letter(kind), description(kind))});
      for (const ShadedChunks& chunks : shades) item.swatches.push_back(swatch(kind, chunks));
    }
    items.push_back({{{"i", "", false}}, "idle"});
    const std::string note = note_on_numbers();
    if (!note.empty()) items.push_back({{}, note});

    double x = left_;
    double y = bottom_ + 32;
    for (const LegendItem& item : items) {
      if (x > left_ && x + item.width() > width_ - kMargin) {
        x = left_;
        y += kLegendPitch;
      }
      add_legend_item(item, x, y);
      x += item.width() + 20;
    }
    return y + kSwatchHeight;
  }

  std::string note_on_numbers() const {
    if (log_.stages.num_chunks == 1) return has_numbers_ ? "numbers: microbatches" : "";
    return has_numbers_ ? "numbers: microbatches in the lanes, chunks here" : "numbers: chunks";
  }

  Swatch swatch(TaskKind kind, const ShadedChunks& chunks) const {
    const auto& [shade, first, last] = chunks;
    std::string text = fmt::to_string(first);
    if (last != first) text += fmt::format("-{}", last);
    if (log_.stages.num_chunks == 1) text.clear();
    return {style_class(kind, shade), text, colour_of(kind, shade).is_dark};
  }

  void add_legend_item(const LegendItem& item, double x, double y) {
    body_ += R"(<g class="c">)";
    for (const Swatch& swatch : item.swatches) {
      body_ += fmt::format(R"(<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>)",
                           swatch.box_class, px(x), px(y), px(swatch.width()), px(kSwatchHeight));
      add_number(swatch.text, swatch.is_dark, x + swatch.width() / 2, y + 12);
      x += swatch.width() + 1;
    }
    body_ += line(R"(</g><text x="{}" y="{}">{}</text>)", px(x + item.text_gap()), px(y + 12),
                  item.text);
  }

  /// Text in the middle of a box; nothing for none.
  void add_number(std::string_view text, bool is_dark, double x, double y) {
    if (text.empty()) return;
    body_ += fmt::format(R"(<text{} x="{}" y="{}">{}</text>)", is_dark ? R"( class="l")" : "",
                         px(x), px(y), text);
  }

  const CommitLog& log_;
  std::string title_;
  std::vector<TaskKind> kinds_;
  double makespan_;
  double end_;  ///< of the time axis
  double width_;
  double left_;    ///< of the lanes
  double right_;   ///< of the lanes
  double top_;     ///< of the first lane
  double bottom_;  ///< of the last lane
  std::string body_;
  bool has_numbers_ = false;
};

}  // namespace

std::string to_svg(const CommitLog& log, const SvgOptions& options) {
  check(options.width >= kLeastSvgWidth, ErrorKind::usage,
        "a picture of {} pixels (expected at least {})", options.width, kLeastSvgWidth);
  return SvgWriter(log, options).write();
}

}  // namespace weft::observe
