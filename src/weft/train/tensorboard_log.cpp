#include "weft/train/tensorboard_log.hpp"

#include <fmt/format.h>

#include <utility>

namespace weft::train {

TensorboardLog::TensorboardLog(const TensorboardConfig& config, int64_t num_ranks,
                               observe::WallClock now)
    : config_(config),
      num_ranks_(num_ranks),
      file_(config.directory, config.queue_size, std::move(now)) {}

void TensorboardLog::write_arguments(std::span<const Argument> arguments, int64_t iteration) {
  for (const Argument& argument : arguments) {
    file_.add_text(argument.name, argument.value, iteration);
  }
}

void TensorboardLog::write_iteration(const IterationReport& report) {
  const auto add = [&](const char* tag, double value) {
    file_.add_scalar(tag, value, report.iteration);
  };
  const auto both = [&](const std::string& tag, double value) {
    add_both(tag, value, report.iteration, report.consumed_samples);
  };
  both("learning-rate", report.learning_rate);
  if (report.decoupled_learning_rate) {
    add("decoupled-learning-rate", *report.decoupled_learning_rate);
  }
  if (report.skipped_samples > 0) {
    add("skipped-train-samples", static_cast<double>(report.skipped_samples));
  }
  both("batch-size", static_cast<double>(report.global_batch_size));
  for (const auto& [key, loss] : report.losses) both(key, loss);
  if (config_.loss_scale) both("loss-scale", report.loss_scale);
  if (config_.world_size) both("world-size", static_cast<double>(num_ranks_));
  if (report.grad_norm) both("grad-norm", *report.grad_norm);
  if (report.num_zeros) both("num-zeros", *report.num_zeros);
  if (report.params_norm) both("params-norm", *report.params_norm);
}

void TensorboardLog::write_timer(const std::string& name, double seconds, int64_t iteration) {
  if (config_.timers) file_.add_scalar(name + "-time", seconds, iteration);
}

void TensorboardLog::write_pace(const IterationReport& report) {
  if (!config_.timers) return;
  file_.add_scalar("iteration-time", report.iteration_ms / 1e3, report.iteration);
  if (report.throughput) file_.add_scalar("throughput", *report.throughput, report.iteration);
}

void TensorboardLog::write_memory(const MemoryReport& report) {
  if (!config_.memory) return;
  const auto add = [&](const char* tag, int64_t value) {
    file_.add_scalar(tag, static_cast<double>(value), report.iteration);
  };
  add("mem-reserved-bytes", report.reserved);
  add("mem-allocated-bytes", report.allocated);
  add("mem-max-allocated-bytes", report.max_allocated);
  add("mem-allocated-count", 1);  // a run's memory is one block
}

void TensorboardLog::write_evaluation(const EvaluationPoint& point) {
  const std::string tag = fmt::format("lm loss {}", point.split);
  add_both(tag, point.lm_loss, point.iteration, point.consumed_samples);
  if (config_.validation_ppl) {
    add_both(tag + " ppl", point.ppl, point.iteration, point.consumed_samples);
  }
}

void TensorboardLog::add_both(const std::string& tag, double value, int64_t iteration,
                              int64_t samples) {
  file_.add_scalar(tag, value, iteration);
  file_.add_scalar(tag + " vs samples", value, samples);
}

}  // namespace weft::train
