#include "weft/train/exit_signals.hpp"

#include <gtest/gtest.h>

#include "train/training_run.hpp"
#include "weft/checkpoint/train_state.hpp"

namespace weft::train {
namespace {

using testing::TempDir;

/// Sends this process a signal when a line says so.
class SignallingLogger final : public Logger {
 public:
  SignallingLogger(std::string part, int signal) : part_(std::move(part)), signal_(signal) {}
  void result(std::string_view line) override {
    lines.emplace_back(line);
    if (line.find(part_) != std::string_view::npos) std::raise(signal_);
  }
  void info(std::string_view) override {}
  void warn(std::string_view) override {}

  std::vector<std::string> lines;

 private:
  std::string part_;
  int signal_;
};

TrainConfig signalled_run() {
  TrainConfig config = testing::small_run();
  config.exit_signal_handler = true;
  return config;
}

TEST(ExitSignals, ASignalEndsTheRunAfterItsIteration) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const TempDir dir;
    TrainConfig config = signalled_run();
    config.save = (dir / "model").string();
    config.save_interval = 100;
    SignallingLogger logger(" iteration        2/       6 |", signal);
    EXPECT_EQ(pretrain(config, {}, nullptr, logger), kExitRequeue);
    EXPECT_EQ(checkpoint::latest_iteration(config.save), 2);
    EXPECT_EQ(logger.lines.back().find("  successfully saved checkpoint from iteration       2"),
              0U);
    const std::string expected = "[exiting program after receiving " + signal_name(signal) + ".]";
    EXPECT_EQ(logger.lines[logger.lines.size() - 3].find(expected), 0U);
  }
}

TEST(ExitSignals, WithoutSaveTheExitCodeIsTheShells) {
  SignallingLogger logger(" iteration        2/       6 |", SIGTERM);
  EXPECT_EQ(pretrain(signalled_run(), {}, nullptr, logger), 128 + SIGTERM);
}

TEST(ExitSignals, ASignalBeforeTheFirstIterationIsNotLost) {
  SignallingLogger logger("done with setup", SIGTERM);
  EXPECT_EQ(pretrain(signalled_run(), {}, nullptr, logger), 128 + SIGTERM);
  EXPECT_NE(logger.lines.back().find("receiving SIGTERM"), std::string::npos);
}

TEST(ExitSignals, ASignalEndsTheFinalEvaluation) {
  SignallingLogger logger("on validation set", SIGTERM);
  EXPECT_EQ(pretrain(signalled_run(), {}, nullptr, logger), 128 + SIGTERM);
  EXPECT_EQ(logger.lines.back().find("[exiting program after receiving SIGTERM.]"), 0U);
}

TEST(ExitSignals, TheHandlersLiveAsLongAsTheObject) {
  struct sigaction before {};
  struct sigaction during {};
  struct sigaction after {};
  sigaction(SIGTERM, nullptr, &before);
  {
    const ExitSignals signals;
    sigaction(SIGTERM, nullptr, &during);
    EXPECT_FALSE(ExitSignals::received());
    std::raise(SIGTERM);
    EXPECT_EQ(ExitSignals::received(), SIGTERM);
    std::raise(SIGINT);
    sigaction(SIGINT, nullptr, &after);
    EXPECT_EQ(after.sa_handler, SIG_DFL);  // a second Ctrl-C ends the process
  }
  EXPECT_NE(before.sa_handler, during.sa_handler);
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

}  // namespace
}  // namespace weft::train
