#include "weft/train/training_loop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/checkpoint/checkpoint.hpp"
#include "weft/device/process_memory.hpp"
#include "weft/schedule/commit_log_csv.hpp"
#include "weft/train/console_lines.hpp"
#include "weft/train/exit_signals.hpp"
#include "weft/train/theoretical_inputs.hpp"

namespace weft::train {

namespace {

constexpr double kLargestExponent = 20.0;  // Megatron prints exp(min(20, loss)) as perplexity

std::string now_text() { return datetime_text(std::chrono::system_clock::now()); }

}  // namespace

TrainingLoop::TrainingLoop(const TrainConfig& config, const data::Datasets& datasets,
                           ModelRecord record, Trainer& trainer, TrainingObservers observers,
                           std::chrono::steady_clock::time_point process_start)
    : config_(config),
      datasets_(datasets),
      record_(std::move(record)),
      trainer_(trainer),
      is_first_(trainer.is_first_rank()),
      observers_(observers),
      process_start_(process_start),
      saved_iteration_(trainer.state().iteration),
      operations_before_(trainer.state().floating_point_operations) {}

TrainingEnd TrainingLoop::train() {
  while (iteration() < config_.train_iters) {
    save_before_larger_batch();
    if (std::ranges::find(config_.iterations_to_skip, iteration()) !=
        config_.iterations_to_skip.end()) {
      trainer_.skip_iteration();
      continue;
    }
    const IterationResult result = trainer_.train_iteration();
    record_iteration(result);
    report_iteration(result);
    if (datasets_.valid && iteration() % config_.eval_interval == 0) {
      int64_t& consumed = trainer_.state().consumed_valid_samples;
      evaluate(*datasets_.valid, "valid", consumed, fmt::format("iteration {}", iteration()));
      consumed += config_.eval_iters * config_.batch_schedule().full().run;
    }
    if (config_.save_interval && iteration() % *config_.save_interval == 0) save();
    if (const auto reason = exit_reason()) {
      save();
      return *reason;
    }
  }
  save();
  write_commit_log();
  return TrainingEnd::complete;
}

void TrainingLoop::write_commit_log() const {
  const std::string& path = config_.pipeline.commit_log;
  if (path.empty()) return;
  const schedule::CommitLog log = trainer_.last_step();
  if (!is_first() || log.makespan() == 0) return;  // nothing was trained
  AtomicFile file(path, ErrorKind::data);
  file.write(schedule::to_csv(log));
  file.commit();
  observers_.logger.info("wrote " + path);
}

void TrainingLoop::save_before_larger_batch() {
  const int64_t next = trainer_.next_batch().run;
  if (batch_size_ != 0 && next != batch_size_) save();
  batch_size_ = next;
}

void TrainingLoop::record_iteration(const IterationResult& result) {
  const double loss = result.loss.mean();
  interval_.seconds += result.seconds;
  interval_.iterations += 1;
  interval_.skipped += result.step.skipped ? 1 : 0;
  interval_.nan += result.step.skipped && !std::isfinite(loss) ? 1 : 0;
  if (!result.step.skipped) interval_.loss_sum += loss;

  trainer_.state().floating_point_operations +=
      flops_per_iteration(theoretical_model(config_), config_.sequence_length, result.batch_size);
  const double tokens = static_cast<double>(result.batch_size * config_.sequence_length);
  const double tokens_per_s = tokens / result.seconds;
  const schedule::Efficiency efficiency = last_efficiency();
  if (observers_.metrics != nullptr) {
    observers_.metrics->write(
        observe::IterationRecord{.iteration = iteration(),
                                 .consumed_samples = trainer_.state().consumed_train_samples,
                                 .lm_loss = loss,
                                 .grad_norm = result.step.grad_norm,
                                 .loss_scale = result.step.loss_scale,
                                 .learning_rate = result.learning_rate,
                                 .decoupled_learning_rate = result.decoupled_learning_rate,
                                 .skipped = result.step.skipped,
                                 .step_s = result.seconds,
                                 .tokens_per_s = tokens_per_s,
                                 .bubble = efficiency.bubble,
                                 .bound_gap = efficiency.gap(),
                                 .peak_bytes = trainer_.memory_in_use().peak_resident});
  }
  if (observers_.progress != nullptr) {
    observers_.progress->update({.iteration = iteration(),
                                 .train_iters = config_.train_iters,
                                 .lm_loss = loss,
                                 .tokens_per_s = tokens_per_s,
                                 .step_s = result.seconds});
  }
}

schedule::Efficiency TrainingLoop::last_efficiency() const {
  if (config_.metrics_file.empty() || config_.pipeline.num_ranks() == 1) return {};
  const schedule::CommitLog log = trainer_.last_step();
  return is_first() ? schedule::efficiency(log) : schedule::Efficiency{};
}

void TrainingLoop::report_iteration(const IterationResult& result) {
  const bool line_due = iteration() % config_.log_interval == 0;
  const bool points_due = config_.tensorboard.takes(iteration());
  if (!line_due && !points_due) return;
  IterationReport report = describe(result);
  if (points_due) draw_iteration(report);
  if (line_due) print_iteration(std::move(report));
}

IterationReport TrainingLoop::describe(const IterationResult& result) const {
  IterationReport report;
  report.iteration = iteration();
  report.train_iters = config_.train_iters;
  report.consumed_samples = trainer_.state().consumed_train_samples;
  report.skipped_samples = trainer_.state().skipped_train_samples;
  report.learning_rate = result.learning_rate;
  report.decoupled_learning_rate = result.decoupled_learning_rate;
  report.global_batch_size = result.batch_size;
  report.losses = {{"lm loss", result.loss.mean()}};
  if (!result.step.skipped) {
    report.grad_norm = result.step.grad_norm;
    report.num_zeros = static_cast<double>(result.step.num_zeros);
  }
  if (config_.log_params_norm) report.params_norm = trainer_.params_norm();
  report.loss_scale = trainer_.optimizer().loss_scale();
  return report;
}

void TrainingLoop::draw_iteration(const IterationReport& report) {
  TensorboardLog* log = observers_.tensorboard;
  if (config_.tensorboard.timers) {
    // As in Megatron the timers start again here, and the next iteration line has no timer block.
    observe::Timers& timers = trainer_.timers();
    for (const std::string& name : timers.names()) {
      const double seconds = timers.take_ms(name) / 1e3;
      if (log == nullptr) continue;
      log->write_timer(name, seconds / static_cast<double>(interval_.iterations), iteration());
    }
  }
  if (log == nullptr) return;
  log->write_iteration(report);
  if (config_.tensorboard.memory) log->write_memory(memory_now());
}

void TrainingLoop::print_iteration(IterationReport report) {
  const double seconds = interval_.seconds / static_cast<double>(interval_.iterations);
  report.datetime = now_text();
  report.iteration_ms = seconds * 1e3;
  report.losses.clear();
  const int64_t advanced = interval_.iterations - interval_.skipped;
  if (advanced > 0) {
    report.losses = {{"lm loss", interval_.loss_sum / static_cast<double>(advanced)}};
  }
  if (config_.log_throughput) {
    report.throughput = flops_per_iteration(theoretical_model(config_), config_.sequence_length,
                                            report.global_batch_size) /
                        (seconds * 1e12);
  }
  report.skipped_iterations = interval_.skipped;
  report.nan_iterations = interval_.nan;
  print(iteration_line(report));
  if (observers_.tensorboard != nullptr) observers_.tensorboard->write_pace(report);
  const int64_t iterations = std::exchange(interval_, {}).iterations;
  if (!first_report_printed_) print_first_report();
  print_timers(iterations);
}

void TrainingLoop::print_first_report() {
  first_report_printed_ = true;
  for (const std::string& line :
       memory_report(theoretical_model(config_), theoretical_layout(config_))) {
    print(line);
  }
  const MemoryReport own = memory_now();
  const std::array<double, 3> figures{static_cast<double>(own.allocated),
                                      static_cast<double>(own.reserved),
                                      static_cast<double>(own.max_reserved)};
  int rank = 0;
  for (const std::vector<double>& of : trainer_.of_all_ranks(figures)) {
    const auto allocated = static_cast<int64_t>(of[0]);
    print(memory_line({.rank = rank++,
                       .iteration = iteration(),
                       .allocated = allocated,
                       .max_allocated = allocated,
                       .reserved = static_cast<int64_t>(of[1]),
                       .max_reserved = static_cast<int64_t>(of[2])}));
  }
}

MemoryReport TrainingLoop::memory_now() const {
  const ProcessMemory memory = trainer_.memory_in_use();
  const auto planned = static_cast<int64_t>(trainer_.planned_bytes());
  return {.rank = 0,
          .iteration = iteration(),
          .allocated = planned,
          .max_allocated = planned,
          .reserved = memory.resident,
          .max_reserved = std::max(memory.resident, memory.peak_resident)};
}

void TrainingLoop::print_timers(int64_t iterations) {
  observe::Timers& timers = trainer_.timers();
  std::vector<double> own;
  for (const std::string& name : timers.names()) {
    own.push_back(timers.take_ms(name) / static_cast<double>(iterations));
  }
  std::vector<TimerTimes> times;
  if (own.empty()) return;
  for (const std::string& name : timers.names()) times.push_back({name, {}});
  for (const std::vector<double>& rank : trainer_.of_all_ranks(own)) {
    for (size_t i = 0; i < times.size(); ++i) times[i].rank_ms.push_back(rank[i]);
  }
  for (const std::string& line : timer_block(config_.timing_option, times)) print(line);
}

void TrainingLoop::evaluate(const data::Dataset& dataset, const std::string& split,
                            int64_t consumed_samples, const std::string& prefix) {
  timers_.start(observe::timer_name::kEvaluate);
  const double loss = trainer_.evaluate(dataset, consumed_samples).mean();
  timers_.stop(observe::timer_name::kEvaluate);
  TimerTimes time{.name = std::string(observe::timer_name::kEvaluate), .rank_ms = {}};
  const double own_ms = timers_.take_ms(observe::timer_name::kEvaluate);
  for (const auto& rank : trainer_.of_all_ranks({&own_ms, 1})) time.rank_ms.push_back(rank[0]);
  for (const std::string& line : timer_block(config_.timing_option, {&time, 1})) print(line);
  const std::vector<std::pair<std::string, double>> losses{{"lm loss", loss}};
  for (const std::string& line : validation_block(prefix, losses)) print(line);
  const double ppl = std::exp(std::min(kLargestExponent, loss));
  if (observers_.metrics != nullptr) {
    observers_.metrics->write(observe::EvaluationRecord{
        .split = split, .iteration = iteration(), .lm_loss = loss, .ppl = ppl});
  }
  if (observers_.tensorboard != nullptr) {
    observers_.tensorboard->write_evaluation(
        {.split = split == "valid" ? "validation" : "test",
         .iteration = iteration(),
         .consumed_samples = trainer_.state().consumed_train_samples,
         .lm_loss = loss,
         .ppl = ppl});
    observers_.tensorboard->flush();
  }
  if (config_.check_for_nan && !std::isfinite(loss)) {
    fail_with_hint(ErrorKind::numeric, "a smaller --lr, or --no-check-for-nan-in-loss-and-grad",
                   "the validation loss at iteration {} is {} (expected a finite number)",
                   iteration(), loss);
  }
}

TrainingEnd TrainingLoop::evaluate_at_end() {
  const int64_t samples = config_.eval_iters * config_.batch_schedule().full().run;
  const auto run = [&](const data::Dataset* dataset, const char* split, const char* set,
                       int64_t consumed_samples) {
    if (dataset == nullptr) return;
    print(fmt::format("Evaluating on {} samples", samples));
    evaluate(*dataset, split, consumed_samples,
             fmt::format("iteration {} on {} set", iteration(), set));
  };
  const int64_t valid_start = config_.skip_train ? 0 : trainer_.state().consumed_valid_samples;
  run(datasets_.valid.get(), "valid", "validation", valid_start);
  if (signalled()) return TrainingEnd::signal;
  run(datasets_.test.get(), "test", "test", 0);
  return TrainingEnd::complete;
}

void TrainingLoop::save() {
  if (config_.save.empty() || saved_iteration_ == iteration()) return;
  print(saving_line(iteration(), config_.save, "safetensors"));
  checkpoint::TrainState state = trainer_.state();
  state.seed = config_.seed;
  state.model = to_json(record_);
  state.schedule = to_json(trainer_.schedule());
  // Replicas hold the same bits.
  if (trainer_.is_saved()) {
    checkpoint::save_model(config_.save, std::move(state), trainer_.parameters(),
                           config_.no_save_optim ? nullptr : &trainer_.optimizer(),
                           trainer_.model_ranks());
  }
  saved_iteration_ = iteration();
  print(saved_line(iteration(), config_.save, {}));
  if (observers_.progress_log != nullptr) log_progress();
  if (observers_.tensorboard != nullptr) observers_.tensorboard->flush();
}

void TrainingLoop::log_progress() {
  const checkpoint::TrainState& state = trainer_.state();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - process_start_;
  observers_.progress_log->saved(
      std::chrono::system_clock::now(),
      {.iteration = state.iteration,
       .job_operations = state.floating_point_operations - operations_before_,
       .job_seconds = elapsed.count(),
       .operations = state.floating_point_operations,
       .tokens = state.consumed_train_samples * config_.sequence_length});
}

double TrainingLoop::agree(double own) const {
  double largest = own;
  for (const std::vector<double>& rank : trainer_.of_all_ranks({&own, 1})) {
    largest = std::max(largest, rank.front());
  }
  return largest;
}

bool TrainingLoop::signalled() {
  if (!config_.exit_signal_handler) return false;
  const auto signal = static_cast<int>(agree(ExitSignals::received().value_or(0)));
  if (signal == 0) return false;
  print(datetime_line(fmt::format("exiting program after receiving {}.", signal_name(signal)),
                      now_text()));
  return true;
}

std::optional<TrainingEnd> TrainingLoop::exit_reason() {
  if (signalled()) return TrainingEnd::signal;
  if (config_.exit_duration_minutes) {
    const double minutes = agree(std::chrono::duration<double, std::ratio<60>>(
                                     std::chrono::steady_clock::now() - process_start_)
                                     .count());
    if (minutes > *config_.exit_duration_minutes) {
      print(datetime_line(fmt::format("exiting program after {} minutes", minutes), now_text()));
      return TrainingEnd::condition;
    }
  }
  if (config_.exit_interval && iteration() % *config_.exit_interval == 0) {
    print(datetime_line(fmt::format("exiting program at iteration {}", iteration()), now_text()));
    return TrainingEnd::condition;
  }
  return std::nullopt;
}

void TrainingLoop::print(const std::string& line) {
  if (observers_.progress != nullptr) observers_.progress->clear();
  observers_.logger.result(line);
}

}  // namespace weft::train
