#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weft::observe {

/// What one training iteration did.
struct IterationRecord {
  int64_t iteration = 0;         ///< from 1
  int64_t consumed_samples = 0;  ///< after this iteration
  double lm_loss = 0.0;          ///< mean over the tokens of the iteration
  double grad_norm = 0.0;        ///< before clipping
  double loss_scale = 1.0;
  double learning_rate = 0.0;  ///< after the schedule's step, as the iteration line prints it
  std::optional<double> decoupled_learning_rate;  ///< likewise; left out without --decoupled-lr
  bool skipped = false;                           ///< the parameters were not updated
  double step_s = 0.0;
  double tokens_per_s = 0.0;
  double bubble = 0.0;     ///< idle share of the pipeline, 0 to 1
  double bound_gap = 0.0;  ///< makespan over its lower bound, minus 1
  int64_t peak_bytes = 0;  ///< most memory that this process had
};

/// What one evaluation found.
struct EvaluationRecord {
  std::string split;  ///< "valid" or "test"
  int64_t iteration = 0;
  double lm_loss = 0.0;
  double ppl = 0.0;
};

/// Where a trainer reports its records.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void write(const IterationRecord& record) = 0;
  virtual void write(const EvaluationRecord& record) = 0;
};

/// The record as one JSON object with the fields in the order of the struct. Numbers have the
/// shortest form that reads back to the same bits; those that are not finite become null.
std::string to_json(const IterationRecord& record);
std::string to_json(const EvaluationRecord& record);

/// JSON Lines file (--metrics-file): one object per record, on disk as soon as it is written.
class MetricsFile final : public MetricsSink {
 public:
  /// What happens to a file that is already there.
  enum class OpenMode { replace, append };

  /// Throws Error{usage} when the file cannot be opened.
  MetricsFile(std::filesystem::path path, OpenMode mode);

  /// Throws Error{data} when the line cannot be written, on a full disk for example.
  void write(const IterationRecord& record) override;
  void write(const EvaluationRecord& record) override;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void write_line(std::string line);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace weft::observe
