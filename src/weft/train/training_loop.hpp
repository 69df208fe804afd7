#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/base/logger.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/observe/metrics_file.hpp"
#include "weft/observe/progress_line.hpp"
#include "weft/observe/timers.hpp"
#include "weft/schedule/explain.hpp"
#include "weft/train/model_record.hpp"
#include "weft/train/progress_log.hpp"
#include "weft/train/tensorboard_log.hpp"
#include "weft/train/train_config.hpp"
#include "weft/train/trainer.hpp"

namespace weft::train {

/// Where a training loop reports to; what is null is not wanted, or is another rank's to write.
struct TrainingObservers {
  Logger& logger;
  observe::MetricsSink* metrics = nullptr;
  observe::ProgressLine* progress = nullptr;
  ProgressLog* progress_log = nullptr;
  TensorboardLog* tensorboard = nullptr;
};

/// Why training ended.
enum class TrainingEnd {
  complete,   ///< all iterations are done; the final evaluation follows
  condition,  ///< --exit-interval or --exit-duration-in-mins
  signal,     ///< --exit-signal-handler
};

/// Iterations, evaluations, saving and console lines of a run, in Megatron's order (reference/
/// megatron.md 8.3, 8.4, 9.2). Every rank has one; the first one's observers see what it reports.
class TrainingLoop {
 public:
  /// Everything passed by reference outlives the loop.
  TrainingLoop(const TrainConfig& config, const data::Datasets& datasets, ModelRecord record,
               Trainer& trainer, TrainingObservers observers,
               std::chrono::steady_clock::time_point process_start);

  /// Trains until --train-iters, an exit condition or a signal; the state is saved.
  TrainingEnd train();
  /// The evaluations after training, on validation and test data. A signal ends them after the
  /// first one.
  TrainingEnd evaluate_at_end();
  /// Saves unless this iteration is saved already.
  void save();

 private:
  /// Sums since the last iteration line.
  struct Interval {
    double seconds = 0.0;
    double loss_sum = 0.0;
    int64_t iterations = 0;
    int64_t skipped = 0;
    int64_t nan = 0;
  };

  /// Saves before the batch grows: a ramp's sizes start at a checkpoint, as in Megatron.
  void save_before_larger_batch();
  void record_iteration(const IterationResult& result);
  /// Points and the iteration line, where they are due.
  void report_iteration(const IterationResult& result);
  /// What this iteration alone did.
  IterationReport describe(const IterationResult& result) const;
  void draw_iteration(const IterationReport& report);
  void print_iteration(IterationReport report);
  void print_first_report();
  MemoryReport memory_now() const;
  /// The step's bubble and its distance from the bound, where somebody wants them. Collective.
  schedule::Efficiency last_efficiency() const;
  /// The parts' mean times over `iterations` iterations. Collective.
  void print_timers(int64_t iterations);
  /// The file of --commit-log, of the last step. Collective.
  void write_commit_log() const;
  void evaluate(const data::Dataset& dataset, const std::string& split, int64_t consumed_samples,
                const std::string& prefix);
  /// Nothing while training goes on. Prints why it does not.
  std::optional<TrainingEnd> exit_reason();
  bool signalled();
  /// The largest of what the ranks say: they stop together. Collective.
  double agree(double own) const;
  void log_progress();
  void print(const std::string& line);
  bool is_first() const { return is_first_; }
  int64_t iteration() const { return trainer_.state().iteration; }

  const TrainConfig& config_;
  const data::Datasets& datasets_;
  ModelRecord record_;
  Trainer& trainer_;
  bool is_first_;
  TrainingObservers observers_;
  std::chrono::steady_clock::time_point process_start_;
  Interval interval_;
  observe::Timers timers_;
  bool first_report_printed_ = false;
  int64_t saved_iteration_ = 0;
  double operations_before_ = 0.0;  ///< floating point operations of earlier jobs
  int64_t batch_size_ = 0;          ///< of the last iteration; 0 before the first
};

}  // namespace weft::train
