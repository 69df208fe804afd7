#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "weft/base/logger.hpp"
#include "weft/comm/rank_context.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/selftest/checks.hpp"
#include "weft/selftest/twins.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/trainer.hpp"

namespace weft::selftest {

namespace {

using Words = std::vector<std::string>;

constexpr int64_t kSteps = 20;

/// A model that trains in seconds, with everything that a larger one has.
struct SmallModel {
  const char* name;
  Words words;
};

std::vector<SmallModel> small_models() {
  return {{"gpt",
           {"--num-layers", "2", "--hidden-size", "128", "--num-attention-heads", "4",
            "--max-position-embeddings", "128"}},
          {"gpt with dropout",
           {"--num-layers", "2", "--hidden-size", "128", "--num-attention-heads", "4",
            "--max-position-embeddings", "128", "--hidden-dropout", "0.1"}},
          {"llama",
           {"--num-layers",
            "2",
            "--hidden-size",
            "128",
            "--num-attention-heads",
            "4",
            "--group-query-attention",
            "--num-query-groups",
            "2",
            "--swiglu",
            "--normalization",
            "RMSNorm",
            "--disable-bias-linear",
            "--position-embedding-type",
            "rope",
            "--untie-embeddings-and-output-weights",
            "--ffn-hidden-size",
            "344",
            "--max-position-embeddings",
            "128",
            "--qk-layernorm"}}};
}

train::TrainConfig config_of(const SmallModel& model, const Words& precision) {
  Words words = {"--seq-length",
                 "128",
                 "--micro-batch-size",
                 "2",
                 "--global-batch-size",
                 "4",
                 "--mock-data",
                 "--tokenizer-type",
                 "NullTokenizer",
                 "--vocab-size",
                 "8191",
                 "--lr",
                 "1e-3",
                 "--train-iters",
                 std::to_string(kSteps),
                 "--split",
                 "1,0,0",
                 "--attention-dropout",
                 "0",
                 "--hidden-dropout",
                 "0",
                 "--clip-grad",
                 "1.0",
                 "--weight-decay",
                 "0.01"};
  words.insert(words.end(), model.words.begin(), model.words.end());
  words.insert(words.end(), precision.begin(), precision.end());
  train::TrainConfig config = train::prepare_run({.arguments = words, .environment = {}}).config;
  const auto tokenizer = tokenizer::make_tokenizer(config.tokenizer);
  config.model.vocab_size =
      tokenizer::padded_vocab_size(tokenizer->vocab_size(), config.make_vocab_size_divisible_by, 1);
  return config;
}

/// What a run printed, step by step.
struct Course {
  std::vector<double> losses;
  std::vector<double> norms;
  size_t planned_bytes = 0;
  int64_t taken_bytes = 0;
};

Course train(const train::TrainConfig& config, const ComputeDevice& device) {
  RecordingLogger silent;
  const auto tokenizer = tokenizer::make_tokenizer(config.tokenizer);
  const data::Datasets datasets = data::build_datasets(
      config.data, {.train = kSteps * config.global_batch_size, .valid = 0, .test = 0}, *tokenizer,
      config.tokenizer, silent);
  Course course;
  const int64_t before = device.is_gpu() ? device.free_bytes() : 0;
  train::Trainer trainer(config, datasets, comm::RankContext{.logger = silent}, device);
  course.planned_bytes = trainer.planned_bytes();
  for (int64_t step = 0; step < kSteps; ++step) {
    const train::IterationResult result = trainer.train_iteration();
    course.losses.push_back(result.loss.mean());
    course.norms.push_back(result.step.skipped ? 0.0 : result.step.grad_norm);
  }
  if (device.is_gpu()) course.taken_bytes = before - device.free_bytes();
  return course;
}

/// Largest relative difference between two courses.
double distance(const std::vector<double>& values, const std::vector<double>& expected) {
  double worst = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference =
        std::abs(values[i] - expected[i]) / std::max(1e-6, std::abs(expected[i]));
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

void check_model(const ComputeDevice& device, const SmallModel& model, const Words& precision,
                 double tolerance, const ResultSink& sink) {
  const std::string label =
      fmt::format("{} {}", model.name, precision.empty() ? "fp32" : precision.front().substr(2));
  Course cpu;
  Course first;
  report_check(sink, "training", label + ": losses of 20 steps", tolerance, [&] {
    const train::TrainConfig config = config_of(model, precision);
    cpu = train(config, ComputeDevice());
    first = train(config, device);
    return distance(first.losses, cpu.losses);
  });
  report_check(sink, "training", label + ": norm of the first gradient", tolerance,
               [&] { return std::abs(first.norms.at(0) / cpu.norms.at(0) - 1.0); });
  report_check(sink, "training", label + ": the same bits again", 0.0, [&] {
    const Course again = train(config_of(model, precision), device);
    return distance(again.losses, first.losses) + distance(again.norms, first.norms);
  });
  report_check(sink, "training", label + ": the loss falls", 0.0,
               [&] { return first.losses.at(kSteps - 1) < first.losses.at(0) ? 0.0 : 1.0; });
  if (!device.is_gpu()) return;
  CheckResult memory{
      .group = "training",
      .name = label + ": memory taken beyond the plan, GB",
      .error = (static_cast<double>(first.taken_bytes) - static_cast<double>(first.planned_bytes)) *
               1e-9,
      .tolerance = 0.5,
      .note = {}};
  memory.passed = memory.error <= memory.tolerance;
  sink(memory);
}

}  // namespace

void check_training(const ComputeDevice& device, const ResultSink& sink) {
  for (const SmallModel& model : small_models()) {
    check_model(device, model, {}, 1e-4, sink);
    check_model(device, model, {"--bf16"}, 1e-2, sink);
    check_model(device, model, {"--fp16", "--initial-loss-scale", "4096"}, 5e-3, sink);
  }
}

}  // namespace weft::selftest
