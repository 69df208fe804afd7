#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::train {

// Megatron's console lines as pure functions (reference/megatron.md 8). None ends in a newline.

/// What an iteration line reports; absent values are left out of the line.
struct IterationReport {
  std::string datetime;  ///< YYYY-MM-DD HH:MM:SS
  int64_t iteration = 0;
  int64_t train_iters = 0;
  int64_t consumed_samples = 0;
  int64_t skipped_samples = 0;
  double iteration_ms = 0.0;         ///< mean over the iterations since the last line
  std::optional<double> throughput;  ///< TFLOP/s per device, --log-throughput
  double learning_rate = 0.0;
  std::optional<double> decoupled_learning_rate;  ///< printed with --decoupled-lr
  int64_t global_batch_size = 0;
  std::vector<std::pair<std::string, double>> losses;  ///< printed only when above 0
  double loss_scale = 1.0;
  std::optional<double> grad_norm;    ///< absent when the iteration was skipped
  std::optional<double> num_zeros;    ///< --log-num-zeros-in-grad
  std::optional<double> params_norm;  ///< --log-params-norm
  int64_t skipped_iterations = 0;
  int64_t nan_iterations = 0;
};

/// The iteration line.
std::string iteration_line(const IterationReport& report);

/// The three lines after an evaluation; `prefix` is for example "iteration 20 on test set".
std::vector<std::string> validation_block(std::string_view prefix,
                                          std::span<const std::pair<std::string, double>> losses);

/// --timing-log-option.
enum class TimingOption { minmax, max, all };

/// One timer: its time on every rank, milliseconds.
struct TimerTimes {
  std::string name;
  std::vector<double> rank_ms;
};

/// The timer block, one string per line; empty when no timer has a time.
std::vector<std::string> timer_block(TimingOption option, std::span<const TimerTimes> timers);

/// Memory of a rank, in bytes.
struct MemoryReport {
  int rank = 0;
  int64_t iteration = 0;
  int64_t allocated = 0;
  int64_t max_allocated = 0;
  int64_t reserved = 0;
  int64_t max_reserved = 0;
};

/// The memory line after the first printed iteration.
std::string memory_line(const MemoryReport& report);

/// Local time as YYYY-MM-DD HH:MM:SS.
std::string datetime_text(std::chrono::system_clock::time_point time);

/// "[what] datetime: ... " with Megatron's blank at the end.
std::string datetime_line(std::string_view what, std::string_view datetime);

/// The lines around the building of one chunk's data sets.
std::vector<std::string> dataset_lines(int64_t train, int64_t valid, int64_t test);

/// " > number of parameters on (tensor, pipeline) model parallel rank (t, p): n".
std::string parameter_count_line(int tensor_rank, int pipeline_rank, int64_t parameters);

/// The two lines of the tokenizer and its padded vocabulary.
std::vector<std::string> tokenizer_lines(std::string_view tokenizer_type, int64_t vocab_size,
                                         int64_t padded_vocab_size);

/// The lines of the parallel groups and the seed.
std::vector<std::string> initialization_lines(int tensor_size, int pipeline_size, uint64_t seed);

/// "time to initialize megatron (seconds): 3.938".
std::string initialization_time_line(double seconds);

/// The two lines for a --load directory that holds no checkpoint.
std::vector<std::string> missing_checkpoint_lines(std::string_view load);

/// "saving checkpoint at iteration ... to DIR in FORMAT format".
std::string saving_line(int64_t iteration, std::string_view directory, std::string_view format);

/// Where a rank stands, counted from 0.
struct ModelRank {
  int tensor = 0;
  int tensor_size = 1;
  int pipeline = 0;
  int pipeline_size = 1;
};

/// "  successfully saved checkpoint from iteration ... to DIR [ t 1/2, p 1/4 ]".
std::string saved_line(int64_t iteration, std::string_view directory, const ModelRank& rank);

}  // namespace weft::train
