#include "weft/train/console_lines.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "support/vectors.hpp"

namespace weft::train {
namespace {

using Json = nlohmann::json;

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "" : "\n") + lines[i];
  return text;
}

std::optional<double> maybe(const Json& object, const char* key) {
  if (!object.contains(key) || object.at(key).is_null()) return std::nullopt;
  return object.at(key).get<double>();
}

std::vector<std::pair<std::string, double>> losses(const Json& object) {
  std::vector<std::pair<std::string, double>> result;
  for (const auto& [key, value] : object.items()) result.emplace_back(key, value.get<double>());
  return result;
}

IterationReport report_of(const Json& in) {
  IterationReport report;
  report.datetime = in.at("datetime").get<std::string>();
  report.iteration = in.at("iteration").get<int64_t>();
  report.train_iters = in.at("train_iters").get<int64_t>();
  report.consumed_samples = in.at("consumed").get<int64_t>();
  report.skipped_samples = in.value("skipped_samples", int64_t{0});
  report.iteration_ms = in.at("ms").get<double>();
  report.throughput = maybe(in, "throughput");
  report.learning_rate = in.at("lr").get<double>();
  report.global_batch_size = in.at("gbs").get<int64_t>();
  report.losses = losses(in.at("losses"));
  report.loss_scale = in.at("loss_scale").get<double>();
  report.grad_norm = maybe(in, "grad_norm");
  report.num_zeros = maybe(in, "num_zeros");
  report.params_norm = maybe(in, "params_norm");
  report.skipped_iterations = in.at("skipped").get<int64_t>();
  report.nan_iterations = in.at("nan").get<int64_t>();
  return report;
}

TEST(ConsoleLines, ADecoupledLearningRateFollowsTheCommonOne) {
  IterationReport report;
  report.learning_rate = 1e-3;
  report.decoupled_learning_rate = 2.5e-4;
  report.global_batch_size = 16;
  EXPECT_NE(iteration_line(report).find(
                "| learning rate: 1.000000E-03 | decoupled learning rate: 2.500000E-04 | global "
                "batch size:    16 |"),
            std::string::npos);
}

TEST(ConsoleLines, IterationLinesAreThoseOfTheVector) {
  const Json cases = testing::load_vector("log_lines").at("iteration_lines");
  ASSERT_FALSE(cases.empty());
  for (const Json& one : cases) {
    EXPECT_EQ(iteration_line(report_of(one.at("in"))), one.at("out").get<std::string>());
  }
}

TEST(ConsoleLines, ValidationBlocksAreThoseOfTheVector) {
  const Json cases = testing::load_vector("log_lines").at("validation_blocks");
  ASSERT_FALSE(cases.empty());
  for (const Json& one : cases) {
    const Json& in = one.at("in");
    EXPECT_EQ(validation_block(in.at("prefix").get<std::string>(), losses(in.at("losses"))),
              one.at("out").get<std::vector<std::string>>());
  }
}

TEST(ConsoleLines, TimerBlocksAreThoseOfTheVector) {
  const Json cases = testing::load_vector("log_lines").at("timer_blocks");
  ASSERT_FALSE(cases.empty());
  for (const Json& one : cases) {
    std::vector<TimerTimes> timers;
    for (const auto& [name, times] : one.at("in_ms").items()) {
      timers.push_back({name, times.get<std::vector<double>>()});
    }
    const auto option = one.at("option") == "max" ? TimingOption::max : TimingOption::minmax;
    EXPECT_EQ(joined(timer_block(option, timers)), one.at("out").get<std::string>());
  }
}

TEST(ConsoleLines, TimersOfAllRanksAndTimersWithoutTime) {
  const std::vector<TimerTimes> timers = {{"idle", {0.0, 0.0}}, {"forward", {1.0, 2.345}}};
  const std::vector<std::string> expected = {
      "times across ranks (ms):", "  forward:", "     rank  0: 1.00", "     rank  1: 2.35"};
  EXPECT_EQ(timer_block(TimingOption::all, timers), expected);
  EXPECT_TRUE(timer_block(TimingOption::minmax, std::span(timers).first(1)).empty());
}

TEST(ConsoleLines, MemoryLineIsThatOfTheVector) {
  const Json one = testing::load_vector("log_lines").at("memory_line");
  const Json& in = one.at("in");
  MemoryReport report;
  report.rank = in.at("rank").get<int>();
  report.iteration = in.at("iteration").get<int64_t>();
  report.allocated = in.at("allocated_bytes").get<int64_t>();
  report.max_allocated = in.at("max_allocated_bytes").get<int64_t>();
  report.reserved = in.at("reserved_bytes").get<int64_t>();
  report.max_reserved = in.at("max_reserved_bytes").get<int64_t>();
  EXPECT_EQ(memory_line(report), one.at("out").get<std::string>());
}

TEST(ConsoleLines, CheckpointLinesAreThoseOfTheVector) {
  const Json lines = testing::load_vector("log_lines").at("checkpoint_lines");
  EXPECT_EQ(saving_line(50, "ngc_models", "torch_dist"), lines.at(0).get<std::string>());
  EXPECT_EQ(saved_line(50, "ngc_models", {0, 2, 0, 4}), lines.at(1).get<std::string>());
}

TEST(ConsoleLines, DatetimeLineEndsInABlank) {
  EXPECT_EQ(datetime_line("before the start of training step", "2025-06-28 18:42:23"),
            "[before the start of training step] datetime: 2025-06-28 18:42:23 ");
  const std::string text = datetime_text(std::chrono::system_clock::time_point());
  ASSERT_EQ(text.size(), 19U);
  EXPECT_EQ(text.find_first_not_of("0123456789-: "), std::string::npos) << text;
}

// Start-up lines of the recorded run that depend on nothing but its settings.
TEST(ConsoleLines, StartUpLinesAreInTheRecordedRun) {
  std::vector<std::string> lines = tokenizer_lines("GPT2BPETokenizer", 50257, 50432);
  for (const auto& more :
       {initialization_lines(2, 4, 1234), dataset_lines(320, 320, 160),
        missing_checkpoint_lines("ngc_models"),
        std::vector<std::string>{
            parameter_count_line(1, 3, 152387584), initialization_time_line(3.938),
            datetime_line("after dataloaders are built", "2025-06-28 18:42:23")}}) {
    lines.insert(lines.end(), more.begin(), more.end());
  }
  EXPECT_EQ(lines[1], " > padded vocab (size: 50257) with 175 dummy tokens (new size: 50432)");
  EXPECT_EQ(lines[7], "    train:      320");
  const auto path = testing::reference_file("seed/megatron_dpp_run.log");
  if (!path) GTEST_SKIP() << "the recorded run is only in the full reference";
  std::ifstream in(*path);
  std::set<std::string> recorded;
  for (std::string line; std::getline(in, line);) recorded.insert(line);
  for (const std::string& line : lines) EXPECT_TRUE(recorded.contains(line)) << line;
}

}  // namespace
}  // namespace weft::train
