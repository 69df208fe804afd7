#include "weft/train/pretrain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/comm/thread_world.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/data/data_files.hpp"
#include "weft/device/device_choice.hpp"
#include "weft/device/process_memory.hpp"
#include "weft/kernels/context.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/argument_block.hpp"
#include "weft/train/console_lines.hpp"
#include "weft/train/exit_signals.hpp"
#include "weft/train/load_run.hpp"
#include "weft/train/memory_plan.hpp"
#include "weft/train/progress_log.hpp"
#include "weft/train/tensorboard_log.hpp"
#include "weft/train/theoretical_inputs.hpp"
#include "weft/train/trainer.hpp"
#include "weft/train/training_loop.hpp"

namespace weft::train {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kNumRanks = 1;
constexpr int kExitOfSignals = 128;  // a shell adds the number of the signal

void print(Logger& logger, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) logger.result(line);
}

void print_datetime(Logger& logger, const std::string& what) {
  logger.result(datetime_line(what, datetime_text(std::chrono::system_clock::now())));
}

/// Samples that the run asks of each split (reference/megatron.md 3.1).
data::SplitSizes split_sizes(const TrainConfig& config) {
  const int64_t batch = config.global_batch_size;
  const int64_t evaluations = config.train_iters / config.eval_interval + 1;
  // A ramp's last iteration may need more than was asked for.
  const int64_t train =
      config.train_samples ? std::max(*config.train_samples,
                                      config.batch_schedule().length(*config.train_samples).samples)
                           : config.train_iters * batch;
  return {.train = train,
          .valid = evaluations * config.eval_iters * batch,
          .test = config.eval_iters * batch};
}

/// A run from its start-up lines on.
class Pretraining {
 public:
  Pretraining(const TrainConfig& config, const observe::ProgressOptions* progress, Logger& logger)
      : config_(config), progress_(progress), logger_(logger) {}

  void start_up(const ResolvedOptions& options) {
    arguments_ = arguments(options.values);
    print(logger_, options.notices);
    print(logger_, options.argument_block);
    tokenizer_ = tokenizer::make_tokenizer(config_.tokenizer);
    config_.model.vocab_size = tokenizer::padded_vocab_size(
        tokenizer_->vocab_size(), config_.make_vocab_size_divisible_by, 1);
    print(logger_, tokenizer_lines(config_.tokenizer.type, tokenizer_->vocab_size(),
                                   config_.model.vocab_size));
    open_tensorboard();
    print(logger_, initialization_lines(1, 1, config_.seed));
    logger_.result(initialization_time_line(seconds_since_start()));
    print_datetime(logger_, "after megatron is initialized");
    logger_.result("building GPT model ...");
    logger_.result(parameter_count_line(0, 0, config_.model.num_parameters()));
    if (config_.train_samples) {
      logger_.result(fmt::format("setting training iterations to {}", config_.train_iters));
    }
    // Workspace is planned for the threads that will use it.
    if (config_.threads_per_rank > 0) kernels::set_num_threads(config_.threads_per_rank);
    device_ = choose_device(config_.device);
    if (device_.is_gpu()) logger_.result(fmt::format("training on {}", device_.description()));
    const MemoryPlan plan = plan_memory(config_, device_.make_stream());
    logger_.result(memory_plan_line(plan));
    if (device_.is_gpu()) {
      check_fits(plan, device_.gpu().free_bytes, device_.description());
    } else {
      check_fits(plan, machine_memory());
    }
  }

  void dry_run() {
    print(logger_, memory_report(theoretical_model(config_), theoretical_layout(config_)));
    for (const data::DataFileSize& file : data::measure_data_files(config_.data)) {
      logger_.result(
          fmt::format(" > {}: {} documents, {} tokens", file.prefix, file.documents, file.tokens));
    }
    print_data_lines();
    logger_.result("done with setup: nothing is trained (--dry-run)");
  }

  /// Returns the exit code.
  int run() {
    std::optional<ExitSignals> signals;
    if (config_.exit_signal_handler) signals.emplace();
    build_data();  // before the model: a missing file is found before memory is taken
    comm::ThreadWorld world(logger_, config_.threads_per_rank);
    TrainingEnd end = TrainingEnd::complete;
    world.run(kNumRanks, [&](comm::RankContext& rank) { end = run_rank(rank); });
    if (tensorboard_) tensorboard_->flush();
    if (end != TrainingEnd::signal) return 0;
    // Without --save there is nothing to start again from: the shell's code for that signal.
    return config_.save.empty() ? kExitOfSignals + *ExitSignals::received() : kExitRequeue;
  }

 private:
  void open_tensorboard() {
    if (config_.tensorboard.directory.empty() || config_.dry_run) return;
    logger_.result("> setting tensorboard ...");
    tensorboard_.emplace(config_.tensorboard, kNumRanks);
  }

  void build_data() {
    const observe::TimerScope timer(timers_, observe::timer_name::kDataIteratorsSetup);
    datasets_ = data::build_datasets(config_.data, split_sizes(config_), *tokenizer_,
                                     config_.tokenizer, logger_);
    if (config_.skip_train || datasets_.train != nullptr) return;
    fail_with_hint(ErrorKind::data, "--split or --train-data-path",
                   "there is no training data: the train split has weight 0");
  }

  void print_data_lines() {
    const data::SplitSizes sizes = split_sizes(config_);
    print(logger_, dataset_lines(sizes.train, sizes.valid, sizes.test));
  }

  TrainingEnd run_rank(const comm::RankContext& rank) {
    timers_.start(observe::timer_name::kModelAndOptimizerSetup);
    Trainer trainer(config_, datasets_, rank, device_);
    const ModelRecord record{.model = config_.model,
                             .tokenizer = config_.tokenizer,
                             .tokenizer_vocab_size = tokenizer_->vocab_size()};
    const bool go_on = load_run(config_, record, trainer, logger_);
    timers_.stop(observe::timer_name::kModelAndOptimizerSetup);
    if (!go_on) return TrainingEnd::condition;
    print_datetime(logger_, "after model, optimizer, and learning rate scheduler are built");
    print_data_lines();
    print_datetime(logger_, "after dataloaders are built");
    logger_.result("done with setup ...");
    print_setup_times();

    if (tensorboard_) tensorboard_->write_arguments(arguments_, trainer.state().iteration);
    std::optional<observe::MetricsFile> metrics;
    if (!config_.metrics_file.empty()) {
      const bool resumed = trainer.state().iteration > 0;
      metrics.emplace(config_.metrics_file, resumed ? observe::MetricsFile::OpenMode::append
                                                    : observe::MetricsFile::OpenMode::replace);
    }
    std::optional<ProgressLog> progress_log;
    if (config_.log_progress) {
      progress_log.emplace(config_.save, config_.job_id, kNumRanks);
      progress_log->start_job(std::chrono::system_clock::now());
    }
    std::optional<observe::ProgressLine> progress;
    if (progress_ != nullptr) progress.emplace(stderr, *progress_);
    TrainingLoop loop(config_, datasets_, record, trainer,
                      {.logger = logger_,
                       .metrics = metrics ? &*metrics : nullptr,
                       .progress = progress ? &*progress : nullptr,
                       .progress_log = progress_log ? &*progress_log : nullptr,
                       .tensorboard = tensorboard_ ? &*tensorboard_ : nullptr},
                      start_);
    return train(loop);
  }

  TrainingEnd train(TrainingLoop& loop) {
    if (config_.skip_train) {
      logger_.result("skipping training (--skip-train is on) ...");
      return loop.evaluate_at_end();
    }
    logger_.result("training ...");
    print_datetime(logger_, "before the start of training step");
    const TrainingEnd end = loop.train();
    if (end != TrainingEnd::complete) return end;
    print_datetime(logger_, "after training is done");
    return loop.evaluate_at_end();
  }

  void print_setup_times() {
    std::vector<TimerTimes> times;
    for (const std::string_view name :
         {observe::timer_name::kModelAndOptimizerSetup, observe::timer_name::kDataIteratorsSetup}) {
      times.push_back({.name = std::string(name), .rank_ms = {timers_.take_ms(name)}});
    }
    print(logger_, timer_block(config_.timing_option, times));
  }

  double seconds_since_start() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

  TrainConfig config_;
  ComputeDevice device_;
  const observe::ProgressOptions* progress_;
  Logger& logger_;
  Clock::time_point start_ = Clock::now();
  observe::Timers timers_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
  data::Datasets datasets_;
  std::vector<Argument> arguments_;
  std::optional<TensorboardLog> tensorboard_;
};

}  // namespace

int pretrain(const TrainConfig& config, const ResolvedOptions& options,
             const observe::ProgressOptions* progress, Logger& logger) {
  Pretraining pretraining(config, progress, logger);
  pretraining.start_up(options);
  if (!config.dry_run) return pretraining.run();
  pretraining.dry_run();
  return 0;
}

}  // namespace weft::train
