#include "weft/train/console_lines.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "weft/train/option_value.hpp"

namespace weft::train {

namespace {

constexpr size_t kTimerColumns = 48;

std::string padded_name(std::string name) {
  name += ' ';
  if (name.size() < kTimerColumns) name.append(kTimerColumns - name.size(), '.');
  return name;
}

bool has_time(const TimerTimes& timer) {
  return std::any_of(timer.rank_ms.begin(), timer.rank_ms.end(), [](double ms) { return ms > 0; });
}

void append_timer(TimingOption option, const TimerTimes& timer, std::vector<std::string>& lines) {
  const auto [low, high] = std::minmax_element(timer.rank_ms.begin(), timer.rank_ms.end());
  switch (option) {
    case TimingOption::minmax:
      lines.push_back(
          fmt::format("    {}: ({:.2f}, {:.2f})", padded_name(timer.name), *low, *high));
      break;
    case TimingOption::max:
      lines.push_back(fmt::format("    {}: {:.2f}", padded_name(timer.name), *high));
      break;
    case TimingOption::all:
      lines.push_back(fmt::format("  {}:", timer.name));
      for (size_t rank = 0; rank < timer.rank_ms.size(); ++rank) {
        lines.push_back(fmt::format("     rank {:2}: {:.2f}", rank, timer.rank_ms[rank]));
      }
      break;
  }
}

std::string megabytes(int64_t bytes) {
  return print_python(static_cast<double>(bytes) / (1024.0 * 1024.0));
}

}  // namespace

std::string iteration_line(const IterationReport& report) {
  std::string line =
      fmt::format(" [{}] iteration {:8}/{:8} | consumed samples: {:12} |", report.datetime,
                  report.iteration, report.train_iters, report.consumed_samples);
  if (report.skipped_samples > 0) {
    line += fmt::format(" skipped samples: {:12} |", report.skipped_samples);
  }
  line += fmt::format(" elapsed time per iteration (ms): {:.1f} |", report.iteration_ms);
  if (report.throughput) {
    line += fmt::format(" throughput per GPU (TFLOP/s/GPU): {:.1f} |", *report.throughput);
  }
  line += fmt::format(" learning rate: {:.6E} |", report.learning_rate);
  if (report.decoupled_learning_rate) {
    line += fmt::format(" decoupled learning rate: {:.6E} |", *report.decoupled_learning_rate);
  }
  line += fmt::format(" global batch size: {:5} |", report.global_batch_size);
  for (const auto& [key, loss] : report.losses) {
    if (loss > 0.0) line += fmt::format(" {}: {:.6E} |", key, loss);
  }
  line += fmt::format(" loss scale: {:.1f} |", report.loss_scale);
  if (report.grad_norm) line += fmt::format(" grad norm: {:.3f} |", *report.grad_norm);
  if (report.num_zeros) line += fmt::format(" num zeros: {} |", print_python(*report.num_zeros));
  if (report.params_norm) line += fmt::format(" params norm: {:.3f} |", *report.params_norm);
  return line +
         fmt::format(" number of skipped iterations: {:3} | number of nan iterations: {:3} |",
                     report.skipped_iterations, report.nan_iterations);
}

std::vector<std::string> validation_block(std::string_view prefix,
                                          std::span<const std::pair<std::string, double>> losses) {
  std::string text = fmt::format(" validation loss at {} | ", prefix);
  for (const auto& [key, loss] : losses) {
    // exp is cut off where the perplexity says nothing any more.
    const double perplexity = std::exp(std::min(20.0, loss));
    text += fmt::format("{} value: {:.6E} | {} PPL: {:.6E} | ", key, loss, key, perplexity);
  }
  const std::string dashes(text.size() + 1, '-');
  return {dashes, text, dashes};
}

std::vector<std::string> timer_block(TimingOption option, std::span<const TimerTimes> timers) {
  std::vector<std::string> lines;
  for (const TimerTimes& timer : timers) {
    if (has_time(timer)) append_timer(option, timer, lines);
  }
  if (lines.empty()) return lines;
  const char* title = option == TimingOption::minmax ? "(min, max) time across ranks (ms):"
                      : option == TimingOption::max  ? "max time across ranks (ms):"
                                                     : "times across ranks (ms):";
  lines.insert(lines.begin(), title);
  return lines;
}

std::string memory_line(const MemoryReport& report) {
  return fmt::format(
      "[Rank {}] (after {} iterations) memory (MB) | allocated: {} | max allocated: {} | "
      "reserved: {} | max reserved: {}",
      report.rank, report.iteration, megabytes(report.allocated), megabytes(report.max_allocated),
      megabytes(report.reserved), megabytes(report.max_reserved));
}

std::string datetime_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", local);
}

std::string datetime_line(std::string_view what, std::string_view datetime) {
  return fmt::format("[{}] datetime: {} ", what, datetime);
}

std::vector<std::string> dataset_lines(int64_t train, int64_t valid, int64_t test) {
  return {"> building train, validation, and test datasets ...",
          " > datasets target sizes (minimum size):",
          fmt::format("    train:      {}", train),
          fmt::format("    validation: {}", valid),
          fmt::format("    test:       {}", test),
          "> building train, validation, and test datasets for GPT ...",
          "> finished creating GPT datasets ..."};
}

std::string parameter_count_line(int tensor_rank, int pipeline_rank, int64_t parameters) {
  return fmt::format(
      " > number of parameters on (tensor, pipeline) model parallel rank ({}, {}): {}", tensor_rank,
      pipeline_rank, parameters);
}

std::vector<std::string> tokenizer_lines(std::string_view tokenizer_type, int64_t vocab_size,
                                         int64_t padded_vocab_size) {
  return {fmt::format("> building {} tokenizer ...", tokenizer_type),
          fmt::format(" > padded vocab (size: {}) with {} dummy tokens (new size: {})", vocab_size,
                      padded_vocab_size - vocab_size, padded_vocab_size)};
}

std::vector<std::string> initialization_lines(int tensor_size, int pipeline_size, uint64_t seed) {
  return {fmt::format("> initialized tensor model parallel with size {}", tensor_size),
          fmt::format("> initialized pipeline model parallel with size {}", pipeline_size),
          fmt::format("> setting random seeds to {} ...", seed)};
}

std::string initialization_time_line(double seconds) {
  return fmt::format("time to initialize megatron (seconds): {:.3f}", seconds);
}

std::vector<std::string> missing_checkpoint_lines(std::string_view load) {
  return {
      fmt::format("WARNING: could not find the metadata file {}/latest_checkpointed_iteration.txt",
                  load),
      "    will not load any checkpoints and will start from random"};
}

std::string saving_line(int64_t iteration, std::string_view directory, std::string_view format) {
  return fmt::format("saving checkpoint at iteration {:7} to {} in {} format", iteration, directory,
                     format);
}

std::string saved_line(int64_t iteration, std::string_view directory, const ModelRank& rank) {
  return fmt::format(
      "  successfully saved checkpoint from iteration {:7} to {} [ t {}/{}, p {}/{} ]", iteration,
      directory, rank.tensor + 1, rank.tensor_size, rank.pipeline + 1, rank.pipeline_size);
}

}  // namespace weft::train
