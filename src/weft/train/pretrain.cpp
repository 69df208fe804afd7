#include "weft/train/pretrain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/comm/launch.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/data/data_files.hpp"
#include "weft/device/device_choice.hpp"
#include "weft/device/process_memory.hpp"
#include "weft/kernels/context.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/argument_block.hpp"
#include "weft/train/console_lines.hpp"
#include "weft/train/exit_signals.hpp"
#include "weft/train/load_run.hpp"
#include "weft/train/memory_plan.hpp"
#include "weft/train/pipeline_setup.hpp"
#include "weft/train/progress_log.hpp"
#include "weft/train/tensorboard_log.hpp"
#include "weft/train/theoretical_inputs.hpp"
#include "weft/train/trainer.hpp"
#include "weft/train/training_loop.hpp"

namespace weft::train {

namespace {

using Clock = std::chrono::steady_clock;

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
  Pretraining(const TrainConfig& config, const observe::ProgressOptions* progress, Logger& logger,
              const comm::World& world)
      : config_(config),
        speaks_(world.has_first_rank()),
        ranks_are_threads_(world.kind() == "threads"),
        progress_(speaks_ ? progress : nullptr),
        logger_(speaks_ ? logger : silent_) {}

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
    print(logger_, initialization_lines(1, num_stages(), config_.seed));
    logger_.result(initialization_time_line(seconds_since_start()));
    print_datetime(logger_, "after megatron is initialized");
    logger_.result("building GPT model ...");
    print_parameter_counts();
    if (config_.train_samples) {
      logger_.result(fmt::format("setting training iterations to {}", config_.train_iters));
    }
    // Workspace is planned for the threads that will use it.
    if (config_.threads_per_rank > 0) {
      kernels::set_num_threads(config_.threads_per_rank);
    } else if (num_ranks() > 1) {
      kernels::set_num_threads(comm::default_threads_per_rank(num_ranks()));
    }
    choose_run_device();
    print_memory_plan();
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
  int run(comm::World& world) {
    std::optional<ExitSignals> signals;
    if (config_.exit_signal_handler) signals.emplace();
    // Before the model: a missing file is found before memory is taken.
    const bool own_process = world.kind() != "threads";
    if (!own_process) build_data();
    std::atomic<TrainingEnd> end = TrainingEnd::complete;
    world.run(num_ranks(), [&](comm::RankContext& rank) {
      if (own_process) build_data_in_turn(rank);
      end = run_rank(rank);
    });
    if (tensorboard_) tensorboard_->flush();
    if (end != TrainingEnd::signal) return 0;
    // Without --save there is nothing to start again from: the shell's code for that signal.
    return config_.save.empty() ? kExitOfSignals + ExitSignals::received().value_or(SIGTERM)
                                : kExitRequeue;
  }

 private:
  int num_ranks() const { return static_cast<int>(config_.pipeline.world_size()); }
  int num_stages() const { return static_cast<int>(config_.pipeline.num_ranks()); }

  void print_parameter_counts() {
    const PipelineSetup setup(config_);
    for (int rank = 0; rank < num_stages(); ++rank) {
      logger_.result(parameter_count_line(
          0, rank, model::num_gpt_parameters(config_.model, setup.parts(rank))));
    }
    const auto counted = [](int64_t count, const char* what) {
      return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    const std::string replicas = counted(config_.pipeline.num_replicas, "replica");
    if (num_stages() > 1) {
      logger_.result(fmt::format("{} of a pipeline of {} ranks, {} each, schedule {}, stages {}",
                                 replicas, num_stages(),
                                 counted(setup.stages().num_chunks, "chunk"), setup.schedule_name(),
                                 setup.partition().layout()));
    } else if (num_ranks() > 1) {
      logger_.result(fmt::format("{} of the model, one rank each", replicas));
    }
  }

  void choose_run_device() {
    if (num_ranks() > 1) {
      if (config_.device != "auto" && config_.device != "cpu") {
        fail_with_hint(ErrorKind::usage, "--device cpu, or one rank",
                       "several ranks run on the processor so far (got --device {})",
                       config_.device);
      }
      config_.device = "cpu";
    }
    device_ = choose_device(config_.device);
    if (device_.is_gpu()) logger_.result(fmt::format("training on {}", device_.description()));
  }

  void print_memory_plan() {
    if (num_ranks() == 1) {
      const MemoryPlan plan = plan_memory(config_, device_.make_stream());
      logger_.result(memory_plan_line(plan));
      if (device_.is_gpu())
        return check_fits(plan, device_.gpu().free_bytes, device_.description());
      return check_fits(plan, machine_memory());
    }
    const parallel::Topology topology = PipelineSetup(config_).topology();
    std::vector<MemoryPlan> stages;
    for (int rank = 0; rank < num_stages(); ++rank) {
      stages.push_back(plan_memory(config_, Stream(), rank));
    }
    MemoryPlan all;
    for (int rank = 0; rank < num_ranks(); ++rank) {
      const auto stage = static_cast<size_t>(topology.coordinates(rank).pp);
      logger_.result(fmt::format("[Rank {}] {}", rank, memory_plan_line(stages[stage])));
      all += stages[stage];
    }
    // Ranks may be on other machines, but those that are threads are all here.
    if (ranks_are_threads_) check_fits(all, machine_memory());
  }

  /// The first rank makes the files of indices that the others then find.
  void build_data_in_turn(const comm::RankContext& rank) {
    if (rank.is_first()) build_data();
    rank.world().barrier();
    if (!rank.is_first()) build_data();
  }

  void open_tensorboard() {
    if (!speaks_ || config_.tensorboard.directory.empty() || config_.dry_run) return;
    logger_.result("> setting tensorboard ...");
    tensorboard_.emplace(config_.tensorboard, num_ranks());
  }

  void build_data() {
    const observe::TimerScope timer(data_timers_, observe::timer_name::kDataIteratorsSetup);
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
    SilentLogger silent;
    Logger& logger = rank.is_first() ? logger_ : static_cast<Logger&>(silent);
    const auto setup_start = Clock::now();
    Trainer trainer(config_, datasets_, rank, device_);
    const ModelRecord record{.model = config_.model,
                             .tokenizer = config_.tokenizer,
                             .tokenizer_vocab_size = tokenizer_->vocab_size()};
    const bool go_on = load_run(config_, record, trainer, logger);
    const std::chrono::duration<double, std::milli> setup = Clock::now() - setup_start;
    if (!go_on) return TrainingEnd::condition;
    print_datetime(logger, "after model, optimizer, and learning rate scheduler are built");
    if (rank.is_first()) print_data_lines();
    print_datetime(logger, "after dataloaders are built");
    logger.result("done with setup ...");
    print_setup_times(trainer, setup.count(), logger);
    if (rank.is_first()) return train_and_report(trainer, record);
    TrainingLoop loop(config_, datasets_, record, trainer, {.logger = silent}, start_);
    return train(loop, silent);
  }

  /// The first rank's part: it writes what is written once.
  TrainingEnd train_and_report(Trainer& trainer, const ModelRecord& record) {
    if (tensorboard_) tensorboard_->write_arguments(arguments_, trainer.state().iteration);
    std::optional<observe::MetricsFile> metrics;
    if (!config_.metrics_file.empty()) {
      const bool resumed = trainer.state().iteration > 0;
      metrics.emplace(config_.metrics_file, resumed ? observe::MetricsFile::OpenMode::append
                                                    : observe::MetricsFile::OpenMode::replace);
    }
    std::optional<ProgressLog> progress_log;
    if (config_.log_progress) {
      progress_log.emplace(config_.save, config_.job_id, num_ranks());
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
    return train(loop, logger_);
  }

  TrainingEnd train(TrainingLoop& loop, Logger& logger) {
    if (config_.skip_train) {
      logger.result("skipping training (--skip-train is on) ...");
      return loop.evaluate_at_end();
    }
    logger.result("training ...");
    print_datetime(logger, "before the start of training step");
    const TrainingEnd end = loop.train();
    if (end != TrainingEnd::complete) return end;
    print_datetime(logger, "after training is done");
    return loop.evaluate_at_end();
  }

  void print_setup_times(const Trainer& trainer, double model_ms, Logger& logger) {
    const std::array<double, 2> own{
        model_ms, data_timers_.elapsed_ms(observe::timer_name::kDataIteratorsSetup)};
    std::vector<TimerTimes> times{{std::string(observe::timer_name::kModelAndOptimizerSetup), {}},
                                  {std::string(observe::timer_name::kDataIteratorsSetup), {}}};
    for (const std::vector<double>& rank : trainer.of_all_ranks(own)) {
      for (size_t i = 0; i < times.size(); ++i) times[i].rank_ms.push_back(rank[i]);
    }
    print(logger, timer_block(config_.timing_option, times));
  }

  double seconds_since_start() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }

  TrainConfig config_;
  ComputeDevice device_;
  bool speaks_;             ///< rank 0 is in this process
  bool ranks_are_threads_;  ///< of this process
  const observe::ProgressOptions* progress_;
  SilentLogger silent_;
  Logger& logger_;
  Clock::time_point start_ = Clock::now();
  observe::Timers data_timers_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
  data::Datasets datasets_;
  std::vector<Argument> arguments_;
  std::optional<TensorboardLog> tensorboard_;
};

}  // namespace

int pretrain(const TrainConfig& config, const ResolvedOptions& options,
             const observe::ProgressOptions* progress, Logger& logger, const comm::Launch& launch) {
  const comm::WorldConfig world_config{
      .threads_per_rank = config.threads_per_rank,
      .timeout = std::chrono::duration<double, std::ratio<60>>(config.pipeline.timeout_minutes),
      .faults = config.pipeline.faults};
  const auto world = comm::make_world(launch, logger, world_config);
  Pretraining pretraining(config, progress, logger, *world);
  pretraining.start_up(options);
  if (!config.dry_run) return pretraining.run(*world);
  pretraining.dry_run();
  return 0;
}

}  // namespace weft::train
