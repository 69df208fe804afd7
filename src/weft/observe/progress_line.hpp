#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace weft::observe {

/// How progress is shown. The program finds these out from its terminal and environment.
struct ProgressOptions {
  bool is_terminal = false;        ///< rewrite one line in place; else plain lines at intervals
  bool color = false;              ///< colours on a terminal (off with NO_COLOR)
  double redraw_interval_s = 0.1;  ///< at most one redraw per so much training time
  double plain_interval_s = 10.0;  ///< training time between plain lines
};

/// One finished iteration.
struct Progress {
  int64_t iteration = 0;
  int64_t train_iters = 0;
  double lm_loss = 0.0;
  double tokens_per_s = 0.0;
  double step_s = 0.0;
};

/// "1:05", "2:03:09": hours are left out below one hour.
std::string format_duration(double seconds);

/// Shows how far training is: iteration, loss, tokens/s and the time that is left. Time is counted
/// in the iterations' own seconds, so pauses for evaluation and saving do not disturb it.
class ProgressLine {
 public:
  /// Writes to `out` (stderr), which must outlive the line.
  ProgressLine(std::FILE* out, ProgressOptions options) : out_(out), options_(options) {}
  /// Removes the line from a terminal.
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Shows the iteration if enough time has passed; the first and the last one always.
  void update(const Progress& progress);
  /// Blanks the line so that other text can be written; the next update shows it again.
  void clear();

 private:
  bool is_due(const Progress& progress);
  std::string describe(const Progress& progress) const;
  void redraw(const std::string& text);

  std::FILE* out_;
  ProgressOptions options_;
  size_t shown_columns_ = 0;     ///< length of the text that stands on the terminal
  double since_shown_s_ = -1.0;  ///< training time since the last output; negative: none yet
  double mean_step_s_ = 0.0;     ///< moving averages over about ten iterations
  double mean_tokens_per_s_ = 0.0;
};

}  // namespace weft::observe
