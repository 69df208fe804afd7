#include "weft/train/tensorboard_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "support/event_reader.hpp"
#include "train/training_run.hpp"
#include "weft/base/error.hpp"

namespace weft::train {
namespace {

using ::testing::ElementsAre;
using testing::Event;
using testing::event_files;
using ::testing::HasSubstr;
using testing::points;
using testing::read_events;
using testing::run_pretrain;
using testing::RunOutput;
using testing::small_run;
using testing::TempDir;

/// The points of a file as "tag = value at step", in its order.
std::vector<std::string> point_lines(const std::filesystem::path& directory) {
  std::vector<std::string> lines;
  for (const Event& event : read_events(event_files(directory).front())) {
    if (!event.file_version.empty() || event.tag.ends_with("/text_summary")) continue;
    lines.push_back(fmt::format("{} = {} at {}", event.tag, event.value, event.step));
  }
  return lines;
}

IterationReport full_report() {
  IterationReport report;
  report.iteration = 3;
  report.consumed_samples = 12;
  report.skipped_samples = 4;
  report.iteration_ms = 250.0;
  report.throughput = 1.5;
  report.learning_rate = 0.5;
  report.decoupled_learning_rate = 0.25;
  report.global_batch_size = 4;
  report.losses = {{"lm loss", 2.0}};
  report.loss_scale = 8.0;
  report.grad_norm = 0.125;
  report.num_zeros = 9.0;
  report.params_norm = 7.0;
  return report;
}

TEST(TensorboardLog, EveryTagOfAnIteration) {
  const TempDir dir;
  TensorboardLog log({.directory = dir.path().string(), .world_size = true}, 1);
  log.write_iteration(full_report());
  log.flush();
  EXPECT_THAT(point_lines(dir.path()),
              ElementsAre("learning-rate = 0.5 at 3", "learning-rate vs samples = 0.5 at 12",
                          "decoupled-learning-rate = 0.25 at 3", "skipped-train-samples = 4 at 3",
                          "batch-size = 4 at 3", "batch-size vs samples = 4 at 12",
                          "lm loss = 2 at 3", "lm loss vs samples = 2 at 12", "loss-scale = 8 at 3",
                          "loss-scale vs samples = 8 at 12", "world-size = 1 at 3",
                          "world-size vs samples = 1 at 12", "grad-norm = 0.125 at 3",
                          "grad-norm vs samples = 0.125 at 12", "num-zeros = 9 at 3",
                          "num-zeros vs samples = 9 at 12", "params-norm = 7 at 3",
                          "params-norm vs samples = 7 at 12"));
}

TEST(TensorboardLog, WhatIsAbsentOrSwitchedOffHasNoPoint) {
  const TempDir dir;
  TensorboardLog log({.directory = dir.path().string(), .loss_scale = false}, 1);
  IterationReport report = full_report();
  report.decoupled_learning_rate.reset();
  report.skipped_samples = 0;
  report.grad_norm.reset();
  report.num_zeros.reset();
  report.params_norm.reset();
  log.write_iteration(report);
  log.write_timer("optimizer", 0.5, 3);
  log.write_pace(report);
  log.write_memory({.iteration = 3, .allocated = 1});
  log.flush();
  EXPECT_THAT(point_lines(dir.path()),
              ElementsAre("learning-rate = 0.5 at 3", "learning-rate vs samples = 0.5 at 12",
                          "batch-size = 4 at 3", "batch-size vs samples = 4 at 12",
                          "lm loss = 2 at 3", "lm loss vs samples = 2 at 12"));
}

TEST(TensorboardLog, TimersPaceAndMemory) {
  const TempDir dir;
  TensorboardLog log({.directory = dir.path().string(), .timers = true, .memory = true}, 1);
  log.write_timer("optimizer", 0.5, 3);
  log.write_pace(full_report());
  log.write_memory({.iteration = 3, .allocated = 1, .max_allocated = 2, .reserved = 4});
  log.flush();
  EXPECT_THAT(point_lines(dir.path()),
              ElementsAre("optimizer-time = 0.5 at 3", "iteration-time = 0.25 at 3",
                          "throughput = 1.5 at 3", "mem-reserved-bytes = 4 at 3",
                          "mem-allocated-bytes = 1 at 3", "mem-max-allocated-bytes = 2 at 3",
                          "mem-allocated-count = 1 at 3"));
}

TEST(TensorboardLog, EvaluationsOfTwoSplitsAreTwoCurves) {
  const TempDir dir;
  TensorboardLog log({.directory = dir.path().string(), .validation_ppl = true}, 1);
  log.write_evaluation({"validation", 3, 12, 2.0, 8.0});
  log.write_evaluation({"test", 3, 12, 4.0, 16.0});
  log.flush();
  EXPECT_THAT(
      point_lines(dir.path()),
      ElementsAre("lm loss validation = 2 at 3", "lm loss validation vs samples = 2 at 12",
                  "lm loss validation ppl = 8 at 3", "lm loss validation ppl vs samples = 8 at 12",
                  "lm loss test = 4 at 3", "lm loss test vs samples = 4 at 12",
                  "lm loss test ppl = 16 at 3", "lm loss test ppl vs samples = 16 at 12"));
}

/// small_run with curves in `dir`.
TrainConfig drawn_run(const TempDir& dir) {
  TrainConfig config = small_run();
  config.tensorboard.directory = (dir / "curves").string();
  return config;
}

std::vector<Event> events_of(const TrainConfig& config) {
  return read_events(event_files(config.tensorboard.directory).at(0));
}

std::vector<int64_t> steps(const std::vector<Event>& points) {
  std::vector<int64_t> all;
  for (const Event& point : points) all.push_back(point.step);
  return all;
}

std::set<std::string> tags(const std::vector<Event>& events) {
  std::set<std::string> all;
  for (const Event& event : events) all.insert(event.tag);
  return all;
}

/// Compares the points under `tag`, and those over samples, with a field of the metrics file.
void expect_curve(const std::vector<Event>& events, const RunOutput& output, const std::string& tag,
                  const std::string& field) {
  const std::vector<Event> curve = points(events, tag);
  const std::vector<Event> by_samples = points(events, tag + " vs samples");
  size_t at = 0;
  for (const nlohmann::json& record : output.metrics) {
    if (record.contains("split")) continue;
    ASSERT_LT(at, std::min(curve.size(), by_samples.size())) << tag;
    EXPECT_EQ(curve[at].step, record.at("iteration")) << tag;
    EXPECT_EQ(curve[at].value, record.at(field).get<float>()) << tag;
    EXPECT_EQ(by_samples[at].step, record.at("consumed_samples")) << tag;
    EXPECT_EQ(by_samples[at].value, curve[at].value) << tag;
    ++at;
  }
  EXPECT_EQ(at, curve.size()) << tag;
}

TEST(TensorboardRun, HasTheNumbersOfTheMetricsFile) {
  const TempDir dir;
  const TrainConfig config = drawn_run(dir);
  const RunOutput output = run_pretrain(config);
  EXPECT_TRUE(output.printed("> setting tensorboard ..."));
  const std::vector<Event> events = events_of(config);
  EXPECT_EQ(events.front().file_version, "brain.Event:2");
  expect_curve(events, output, "lm loss", "lm_loss");
  expect_curve(events, output, "grad-norm", "grad_norm");
  expect_curve(events, output, "learning-rate", "learning_rate");
  expect_curve(events, output, "loss-scale", "loss_scale");
  EXPECT_EQ(points(events, "batch-size").back().value, 4.0F);
  EXPECT_EQ(points(events, "num-zeros").size(), 6U);
  EXPECT_FALSE(tags(events).contains("params-norm"));
  EXPECT_FALSE(tags(events).contains("world-size"));
  EXPECT_FALSE(tags(events).contains("iteration-time"));
  EXPECT_FALSE(tags(events).contains("mem-allocated-bytes"));
  EXPECT_FALSE(tags(events).contains("lm loss validation ppl"));
}

TEST(TensorboardRun, ChangesNoNumber) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.log_params_norm = config.tensorboard.timers = config.tensorboard.memory = true;
  EXPECT_EQ(run_pretrain(config).numbers(), run_pretrain(small_run()).numbers());
}

TEST(TensorboardRun, BeginsWithEveryArgument) {
  const TempDir dir;
  const TrainConfig config = drawn_run(dir);
  run_pretrain(config);
  const std::vector<Event> events = events_of(config);
  const auto is_text = [](const Event& event) { return event.tag.ends_with("/text_summary"); };
  EXPECT_EQ(std::ranges::count_if(events, is_text), 465);
  const std::vector<Event> optimizer = points(events, "optimizer/text_summary");
  ASSERT_EQ(optimizer.size(), 1U);
  EXPECT_EQ(optimizer[0].text, "adam");
  EXPECT_EQ(optimizer[0].step, 0);
}

TEST(TensorboardRun, SetsUpBetweenTheTokenizerAndTheRanks) {
  const TempDir dir;
  const std::vector<std::string> lines = run_pretrain(drawn_run(dir)).lines;
  const auto at = std::ranges::find(lines, "> setting tensorboard ...");
  ASSERT_NE(at, lines.end());
  EXPECT_THAT(*(at - 1), HasSubstr("> padded vocab (size: "));
  EXPECT_THAT(*(at + 1), HasSubstr("> initialized tensor model parallel with size 1"));
}

TEST(TensorboardRun, EvaluationsLieAtTheirIterationAndSamples) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.tensorboard.validation_ppl = true;
  const RunOutput output = run_pretrain(config);
  const std::vector<Event> events = events_of(config);
  std::map<std::string, std::vector<float>> losses;
  std::map<std::string, std::vector<float>> ppls;
  for (const nlohmann::json& record : output.metrics) {
    if (!record.contains("split")) continue;
    losses[record.at("split")].push_back(record.at("lm_loss"));
    ppls[record.at("split")].push_back(record.at("ppl"));
  }
  const auto values = [&](const std::string& tag) {
    std::vector<float> all;
    for (const Event& point : points(events, tag)) all.push_back(point.value);
    return all;
  };
  EXPECT_EQ(values("lm loss validation"), losses["valid"]);
  EXPECT_EQ(values("lm loss validation ppl"), ppls["valid"]);
  EXPECT_EQ(values("lm loss test"), losses["test"]);
  // Twice after iteration 6: in the course of training, and at its end.
  EXPECT_THAT(steps(points(events, "lm loss validation")), ElementsAre(3, 6, 6));
  EXPECT_THAT(steps(points(events, "lm loss validation vs samples")), ElementsAre(12, 24, 24));
  EXPECT_THAT(steps(points(events, "lm loss validation ppl vs samples")), ElementsAre(12, 24, 24));
}

TEST(TensorboardRun, PointsHaveAnIntervalOfTheirOwn) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.tensorboard.log_interval = 2;
  config.log_interval = 3;
  config.log_params_norm = true;
  const RunOutput output = run_pretrain(config);
  const std::vector<Event> events = events_of(config);
  for (const char* tag : {"lm loss", "grad-norm", "params-norm"}) {
    EXPECT_THAT(steps(points(events, tag)), ElementsAre(2, 4, 6)) << tag;
  }
  // The loss of the iteration itself, not the mean of the line.
  EXPECT_EQ(points(events, "lm loss")[1].value, output.metrics.at(4).at("lm_loss").get<float>());
  EXPECT_EQ(output.metrics.at(4).at("iteration"), 4);
}

TEST(TensorboardRun, WhatTheSwitchesAdd) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.log_interval = 2;
  config.timing_log_level = 2;
  config.log_throughput = true;
  config.log_params_norm = true;
  config.schedule.decoupled_lr = 1e-3;
  config.schedule.decoupled_min_lr = 1e-4;
  config.tensorboard.timers = true;
  config.tensorboard.memory = true;
  config.tensorboard.world_size = true;
  config.tensorboard.loss_scale = false;
  const RunOutput output = run_pretrain(config);
  const std::vector<Event> events = events_of(config);
  for (const char* tag :
       {"forward-backward-time", "optimizer-time", "batch-generator-time", "params-norm",
        "decoupled-learning-rate", "world-size", "mem-reserved-bytes", "mem-allocated-bytes",
        "mem-max-allocated-bytes", "mem-allocated-count"}) {
    EXPECT_THAT(steps(points(events, tag)), ElementsAre(1, 2, 3, 4, 5, 6)) << tag;
    for (const Event& point : points(events, tag)) EXPECT_GT(point.value, 0.0F) << tag;
  }
  // The pace is that of the iteration line, and comes with it.
  for (const char* tag : {"iteration-time", "throughput"}) {
    EXPECT_THAT(steps(points(events, tag)), ElementsAre(2, 4, 6)) << tag;
  }
  const double two_steps =
      output.metrics[0].at("step_s").get<double>() + output.metrics[1].at("step_s").get<double>();
  EXPECT_NEAR(points(events, "iteration-time")[0].value, two_steps / 2.0, 1e-6);
  EXPECT_FALSE(tags(events).contains("loss-scale"));
  // Points take the timers' times before the iteration line can, over the iterations since that
  // line: 2 at the second point, though the timer has run for one.
  const float second = points(events, "forward-backward-time")[1].value;
  EXPECT_LE(2.0 * second, output.metrics[1].at("step_s").get<double>());
  EXPECT_FALSE(output.printed("    forward-backward ..."));
  EXPECT_TRUE(output.printed("    evaluate ..."));
}

TEST(TensorboardRun, AResumedRunGoesOnInAFileOfItsOwn) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.save = (dir / "model").string();
  config.save_interval = 3;
  config.exit_interval = 3;
  run_pretrain(config);
  config.load = config.save;
  config.exit_interval.reset();
  run_pretrain(config);
  const auto files = event_files(config.tensorboard.directory);
  ASSERT_EQ(files.size(), 2U);
  const std::vector<Event> before = read_events(files[0]);
  const std::vector<Event> after = read_events(files[1]);
  EXPECT_THAT(steps(points(before, "lm loss vs samples")), ElementsAre(4, 8, 12));
  EXPECT_THAT(steps(points(after, "lm loss")), ElementsAre(4, 5, 6));
  EXPECT_THAT(steps(points(after, "lm loss vs samples")), ElementsAre(16, 20, 24));
  EXPECT_EQ(points(after, "optimizer/text_summary").at(0).step, 3);
}

TEST(TensorboardRun, ASkippedIterationHasItsLossAndNoNorm) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.schedule.lr = std::numeric_limits<float>::max();
  config.check_for_nan = false;
  config.eval_iters = 0;
  const RunOutput output = run_pretrain(config);
  const std::vector<Event> events = events_of(config);
  const std::vector<Event> losses = points(events, "lm loss");
  ASSERT_EQ(losses.size(), 6U);
  std::vector<int64_t> updated;
  for (const nlohmann::json& record : output.metrics) {
    if (!record.at("skipped").get<bool>()) updated.push_back(record.at("iteration"));
  }
  ASSERT_FALSE(updated.empty());
  ASSERT_LT(updated.size(), 6U);
  EXPECT_EQ(steps(points(events, "grad-norm")), updated);
  EXPECT_EQ(steps(points(events, "num-zeros")), updated);
  EXPECT_FALSE(std::isfinite(losses.back().value));
}

TEST(TensorboardRun, IterationsThatAreLeftOutHaveNoPoints) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.iterations_to_skip = {1};
  run_pretrain(config);
  const std::vector<Event> events = events_of(config);
  EXPECT_THAT(steps(points(events, "lm loss")), ElementsAre(1, 3, 4, 5, 6));
  EXPECT_THAT(steps(points(events, "skipped-train-samples")), ElementsAre(3, 4, 5, 6));
}

TEST(TensorboardRun, PointsBeforeAFailureAreKept) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.schedule.lr = std::numeric_limits<float>::max();
  config.optimizer.clip_grad = 0.0;
  EXPECT_THROW(run_pretrain(config), Error);
  EXPECT_FALSE(points(events_of(config), "lm loss").empty());
}

TEST(TensorboardRun, ADryRunMakesNoFile) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  config.dry_run = true;
  run_pretrain(config);
  EXPECT_FALSE(std::filesystem::exists(config.tensorboard.directory));
}

TEST(TensorboardRun, ADirectoryThatCannotBeMadeIsAUsageErrorAtTheStart) {
  const TempDir dir;
  TrainConfig config = drawn_run(dir);
  testing::write_file(config.tensorboard.directory, "");
  config.metrics_file = (dir / "metrics.jsonl").string();
  try {
    run_pretrain(config);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("--tensorboard-dir"));
  }
  EXPECT_FALSE(std::filesystem::exists(config.metrics_file));
}

}  // namespace
}  // namespace weft::train
