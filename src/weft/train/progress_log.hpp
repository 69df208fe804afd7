#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace weft::train {

/// How far a run is when it saves.
struct SavedProgress {
  int64_t iteration = 0;
  double job_operations = 0.0;  ///< floating point operations of this job
  double job_seconds = 0.0;     ///< since this job started
  double operations = 0.0;      ///< floating point operations of all jobs so far
  int64_t tokens = 0;           ///< consumed by all jobs so far
};

/// The start of the first of a row of jobs on equally many ranks.
struct JobStart {
  std::chrono::system_clock::time_point time;
  double operations = 0.0;  ///< done by the jobs before
};

/// What the text of progress.txt says about it, for jobs on `num_ranks` ranks; nothing before such
/// a job has started. Lines of another form are passed over.
std::optional<JobStart> first_job_start(std::string_view text, int64_t num_ranks);

/// Megatron's history of the jobs that trained a model, one line per event, in progress.txt beside
/// the checkpoints (--log-progress, reference/megatron.md 8.4).
class ProgressLog {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// `directory` is that of --save; `job_id` may be empty.
  ProgressLog(const std::filesystem::path& directory, std::string job_id, int64_t num_ranks);

  /// Appends that a job starts, making the directory if it is missing. Throws Error{checkpoint}
  /// when the file cannot be written, as `saved` does.
  void start_job(Time now);
  /// Appends that a checkpoint was saved, with the throughput of this job and of all jobs on as
  /// many ranks since the first of them started.
  void saved(Time now, const SavedProgress& progress);

 private:
  void append(Time now, std::string_view event);

  std::filesystem::path path_;
  std::string job_id_;
  int64_t num_ranks_;
};

}  // namespace weft::train
