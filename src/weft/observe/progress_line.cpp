#include "weft/observe/progress_line.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace weft::observe {

namespace {

/// Weight of the newest iteration in the moving averages.
constexpr double kNewestWeight = 0.1;

void write_text(std::FILE* out, const std::string& text) {
  // Progress that cannot be shown is no reason to stop training.
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "-";
  const auto total = int64_t{std::lround(std::min(seconds, 1e15))};
  const int64_t hours = total / 3600;
  const int64_t minutes = total / 60 % 60;
  if (hours == 0) return fmt::format("{}:{:02d}", minutes, total % 60);
  return fmt::format("{}:{:02d}:{:02d}", hours, minutes, total % 60);
}

void ProgressLine::update(const Progress& progress) {
  const bool first = since_shown_s_ < 0.0;
  const double weight = first ? 1.0 : kNewestWeight;
  mean_step_s_ += weight * (progress.step_s - mean_step_s_);
  mean_tokens_per_s_ += weight * (progress.tokens_per_s - mean_tokens_per_s_);
  if (!is_due(progress)) return;
  since_shown_s_ = 0.0;
  const std::string text = describe(progress);
  if (options_.is_terminal) {
    redraw(text);
  } else {
    write_text(out_, text + "\n");
  }
}

bool ProgressLine::is_due(const Progress& progress) {
  if (since_shown_s_ < 0.0 || progress.iteration >= progress.train_iters) return true;
  since_shown_s_ += progress.step_s;
  return since_shown_s_ >=
         (options_.is_terminal ? options_.redraw_interval_s : options_.plain_interval_s);
}

std::string ProgressLine::describe(const Progress& progress) const {
  const auto left = static_cast<double>(progress.train_iters - progress.iteration);
  return fmt::format("iteration {}/{} | loss {:.4f} | {:.0f} tokens/s | ETA {}", progress.iteration,
                     progress.train_iters, progress.lm_loss, mean_tokens_per_s_,
                     format_duration(left * mean_step_s_));
}

void ProgressLine::redraw(const std::string& text) {
  // Blanks wipe what is left of a longer text; unlike an escape sequence they work everywhere.
  const size_t blanks = shown_columns_ > text.size() ? shown_columns_ - text.size() : 0;
  const char* on = options_.color ? "\x1b[36m" : "";
  const char* off = options_.color ? "\x1b[0m" : "";
  write_text(out_, fmt::format("\r{}{}{}{}", on, text, off, std::string(blanks, ' ')));
  shown_columns_ = text.size();
}

void ProgressLine::clear() {
  if (shown_columns_ == 0) return;
  write_text(out_, fmt::format("\r{}\r", std::string(shown_columns_, ' ')));
  shown_columns_ = 0;
}

}  // namespace weft::observe
