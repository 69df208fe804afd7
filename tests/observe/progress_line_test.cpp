#include "weft/observe/progress_line.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>

namespace weft::observe {
namespace {

/// A FILE that collects what is written to it.
class Capture {
 public:
  Capture() : file_(open_memstream(&text_, &size_)) {}
  ~Capture() {
    std::fclose(file_);
    std::free(text_);  // open_memstream gives memory of malloc
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  std::FILE* file() const { return file_; }
  std::string text() const {
    std::fflush(file_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* file_;
};

Progress make_progress(int64_t iteration, double step_s = 1.0) {
  return {iteration, 100, 4.5, 2048.0, step_s};
}

TEST(FormatDuration, LeavesOutHoursBelowOne) {
  EXPECT_EQ(format_duration(0.0), "0:00");
  EXPECT_EQ(format_duration(65.4), "1:05");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(7389.0), "2:03:09");
  EXPECT_EQ(format_duration(-1.0), "-");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "-");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "-");
}

TEST(ProgressLine, WritesPlainLinesAtIntervals) {
  const Capture capture;
  ProgressLine line(capture.file(), {});
  for (int64_t iteration = 1; iteration <= 12; ++iteration) line.update(make_progress(iteration));
  EXPECT_EQ(capture.text(),
            "iteration 1/100 | loss 4.5000 | 2048 tokens/s | ETA 1:39\n"
            "iteration 11/100 | loss 4.5000 | 2048 tokens/s | ETA 1:29\n");
  line.update(make_progress(100));
  EXPECT_NE(capture.text().find("iteration 100/100 | loss 4.5000 | 2048 tokens/s | ETA 0:00\n"),
            std::string::npos);
  line.clear();
  EXPECT_EQ(capture.text().back(), '\n') << "plain lines are never blanked";
}

TEST(ProgressLine, RewritesOneLineOnATerminal) {
  const Capture capture;
  {
    ProgressLine line(capture.file(), {.is_terminal = true});
    line.update(make_progress(9));
    line.update(make_progress(100));
  }
  const std::string first = "iteration 9/100 | loss 4.5000 | 2048 tokens/s | ETA 1:31";
  const std::string last = "iteration 100/100 | loss 4.5000 | 2048 tokens/s | ETA 0:00";
  EXPECT_EQ(capture.text(),
            "\r" + first + "\r" + last + "\r" + std::string(last.size(), ' ') + "\r");
}

TEST(ProgressLine, BlanksTheRestOfALongerLine) {
  const Capture capture;
  ProgressLine line(capture.file(), {.is_terminal = true});
  line.update({1, 1000, 123.0, 2048.0, 10.0});
  const size_t before = capture.text().size();
  line.update({1000, 1000, 3.0, 2048.0, 10.0});
  EXPECT_EQ(capture.text().substr(before).size(), before) << "the same columns are covered";
  EXPECT_EQ(capture.text().back(), ' ');
}

TEST(ProgressLine, DrawsNoMoreOftenThanItsInterval) {
  const Capture capture;
  ProgressLine line(capture.file(), {.is_terminal = true, .redraw_interval_s = 1.0});
  for (int64_t iteration = 1; iteration <= 9; ++iteration) {
    line.update(make_progress(iteration, 0.25));
  }
  const std::string text = capture.text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 3) << "iterations 1, 5 and 9";
}

TEST(ProgressLine, EscapesAreWrittenOnlyWithColor) {
  const Capture plain;
  const Capture colored;
  ProgressLine plain_line(plain.file(), {.is_terminal = true});
  ProgressLine colored_line(colored.file(), {.is_terminal = true, .color = true});
  plain_line.update(make_progress(1));
  colored_line.update(make_progress(1));
  EXPECT_EQ(plain.text().find('\x1b'), std::string::npos);
  EXPECT_NE(colored.text().find('\x1b'), std::string::npos);
}

TEST(ProgressLine, TheEstimateFollowsTheRecentIterations) {
  const Capture capture;
  ProgressLine line(capture.file(), {.plain_interval_s = 0.0});
  for (int64_t iteration = 1; iteration <= 50; ++iteration) {
    line.update(make_progress(iteration, iteration == 1 ? 60.0 : 1.0));
  }
  // 50 iterations of 1 s are left and the slow first one has lost its weight: 0.9^49 * 59 s each.
  EXPECT_NE(capture.text().find("iteration 50/100 | loss 4.5000 | 2048 tokens/s | ETA 1:07"),
            std::string::npos)
      << capture.text();
}

}  // namespace
}  // namespace weft::observe
