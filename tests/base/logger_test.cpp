#include "weft/base/logger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace weft {
namespace {

using ::testing::ElementsAre;

struct Captured {
  std::string out;
  std::string err;
};

Captured capture(const std::function<void()>& action) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  action();
  Captured captured;
  captured.out = ::testing::internal::GetCapturedStdout();
  captured.err = ::testing::internal::GetCapturedStderr();
  return captured;
}

TEST(ConsoleLogger, KeepsResultsApartFromDiagnostics) {
  const Captured captured = capture([] {
    ConsoleLogger logger;
    logger.result("loss 1.5");
    logger.info("reading");
    logger.warn("slow disk");
  });
  EXPECT_EQ(captured.out, "loss 1.5\n");
  EXPECT_EQ(captured.err, "reading\nwarning: slow disk\n");
}

TEST(ConsoleLogger, QuietDropsProgressOnly) {
  const Captured captured = capture([] {
    ConsoleLogger logger(true);
    logger.result("loss 1.5");
    logger.info("reading");
    logger.warn("slow disk");
  });
  EXPECT_EQ(captured.out, "loss 1.5\n");
  EXPECT_EQ(captured.err, "warning: slow disk\n");
}

TEST(ConsoleLogger, LinesOfThreadsNeverMix) {
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  const Captured captured = capture([] {
    ConsoleLogger logger;
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&logger, t] {
        const std::string line(static_cast<size_t>(20 + t), static_cast<char>('a' + t));
        for (int i = 0; i < kLines; ++i) logger.info(line);
      });
    }
  });
  std::istringstream lines(captured.err);
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    ASSERT_FALSE(line.empty());
    const auto t = static_cast<size_t>(line[0] - 'a');
    ASSERT_EQ(line, std::string(20 + t, line[0]));
    ++count;
  }
  EXPECT_EQ(count, kThreads * kLines);
}

TEST(RecordingLogger, KeepsEveryLineByKind) {
  RecordingLogger logger;
  logger.result("a");
  logger.info("b");
  logger.warn("c");
  logger.info("d");
  EXPECT_THAT(logger.results, ElementsAre("a"));
  EXPECT_THAT(logger.infos, ElementsAre("b", "d"));
  EXPECT_THAT(logger.warnings, ElementsAre("c"));
}

}  // namespace
}  // namespace weft
