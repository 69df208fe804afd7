#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "weft/observe/event_file.hpp"
#include "weft/train/argument_block.hpp"
#include "weft/train/console_lines.hpp"

namespace weft::train {

/// What a run writes for TensorBoard, and where.
struct TensorboardConfig {
  std::string directory;        ///< --tensorboard-dir; empty: nothing is written
  int64_t log_interval = 1;     ///< --tensorboard-log-interval, iterations
  int64_t queue_size = 1000;    ///< --tensorboard-queue-size, events
  bool loss_scale = true;       ///< off with --no-log-loss-scale-to-tensorboard
  bool timers = false;          ///< --log-timers-to-tensorboard
  bool validation_ppl = false;  ///< --log-validation-ppl-to-tensorboard
  bool memory = false;          ///< --log-memory-to-tensorboard
  bool world_size = false;      ///< --log-world-size-to-tensorboard

  /// Whether the points of `iteration` are written.
  bool takes(int64_t iteration) const {
    return !directory.empty() && iteration % log_interval == 0;
  }
};

/// What an evaluation found, and how far training was.
struct EvaluationPoint {
  std::string_view split;  ///< "validation" or "test"
  int64_t iteration = 0;
  int64_t consumed_samples = 0;  ///< of the training data
  double lm_loss = 0.0;
  double ppl = 0.0;
};

/// The curves of a run under Megatron's tags (reference/megatron.md 8.6), over iterations and,
/// where a tag ends in " vs samples", over consumed samples. Every method that writes throws as
/// observe::EventFile does.
class TensorboardLog {
 public:
  /// Opens a new event file, so that a resumed run goes on beside the files of earlier ones. Throws
  /// Error{usage} when that cannot be done.
  TensorboardLog(const TensorboardConfig& config, int64_t num_ranks,
                 observe::WallClock now = observe::system_seconds);

  /// Every argument as a text.
  void write_arguments(std::span<const Argument> arguments, int64_t iteration);
  /// The iteration's values; `report.losses` are those of this iteration alone.
  void write_iteration(const IterationReport& report);
  /// With --log-timers-to-tensorboard: a part's time, seconds per iteration.
  void write_timer(const std::string& name, double seconds, int64_t iteration);
  /// With --log-timers-to-tensorboard: the pace that the iteration line prints.
  void write_pace(const IterationReport& report);
  /// With --log-memory-to-tensorboard.
  void write_memory(const MemoryReport& report);
  void write_evaluation(const EvaluationPoint& point);
  /// Brings what was written so far to the file.
  void flush() { file_.flush(); }

 private:
  /// The value over iterations and over samples.
  void add_both(const std::string& tag, double value, int64_t iteration, int64_t samples);

  TensorboardConfig config_;
  int64_t num_ranks_;
  observe::EventFile file_;
};

}  // namespace weft::train
