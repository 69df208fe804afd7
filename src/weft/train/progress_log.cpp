#include "weft/train/progress_log.hpp"

#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <system_error>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/train/console_lines.hpp"
#include "weft/train/option_value.hpp"

namespace weft::train {

namespace {

constexpr double kTera = 1e12;

/// The number after `name` in a field such as "# GPUs: 8".
std::optional<double> number_in(std::string_view field, std::string_view name) {
  if (!field.starts_with(name)) return std::nullopt;
  return parse_real(field.substr(name.size()));
}

std::optional<std::chrono::system_clock::time_point> parse_datetime(std::string_view text) {
  std::tm local{};
  local.tm_isdst = -1;
  if (strptime(std::string(text).c_str(), "%Y-%m-%d %H:%M:%S", &local) == nullptr) {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(std::mktime(&local));
}

double teraflops(double operations, double seconds, int64_t num_ranks) {
  return operations / (seconds * kTera * static_cast<double>(num_ranks));
}

}  // namespace

std::optional<JobStart> first_job_start(std::string_view text, int64_t num_ranks) {
  std::optional<JobStart> start;
  double operations = 0.0;  // of the last checkpoint
  for (const std::string_view line : split_words(text, '\n')) {
    const std::vector<std::string_view> fields = split_words(line, '\t');
    if (fields.size() < 4) continue;
    if (fields[3] == "Saved checkpoint" && fields.size() > 7) {
      operations = number_in(fields[7], "Floating-point operations: ").value_or(operations);
    }
    if (number_in(fields[2], "# GPUs: ") != static_cast<double>(num_ranks)) {
      start.reset();
      continue;
    }
    if (fields[3] != "Starting job" || start) continue;
    if (const auto time = parse_datetime(fields[0])) start = JobStart{*time, operations};
  }
  return start;
}

ProgressLog::ProgressLog(const std::filesystem::path& directory, std::string job_id,
                         int64_t num_ranks)
    : path_(directory / "progress.txt"), job_id_(std::move(job_id)), num_ranks_(num_ranks) {}

void ProgressLog::start_job(Time now) {
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  check(!error, ErrorKind::checkpoint, "cannot make the directory {} of --save ({})",
        path_.parent_path().string(), error.message());
  append(now, "Starting job");
}

void ProgressLog::saved(Time now, const SavedProgress& progress) {
  const auto start = first_job_start(read_text_file(path_, ErrorKind::checkpoint), num_ranks_)
                         .value_or(JobStart{});
  const double elapsed = std::chrono::duration<double>(now - start.time).count();
  append(now, fmt::format("Saved checkpoint\tIteration: {}\tJob throughput: {:.1f} TFLOP/s/GPU\t"
                          "Cumulative throughput: {:.1f} TFLOP/s/GPU\t"
                          "Floating-point operations: {:.2e}\tTokens (in billions): {:.2f}",
                          progress.iteration,
                          teraflops(progress.job_operations, progress.job_seconds, num_ranks_),
                          teraflops(progress.operations - start.operations, elapsed, num_ranks_),
                          progress.operations, static_cast<double>(progress.tokens) / 1e9));
}

void ProgressLog::append(Time now, std::string_view event) {
  std::ofstream file(path_, std::ios::app);
  file << fmt::format("{}\tJob ID: {}\t# GPUs: {}\t{}\n", datetime_text(now), job_id_, num_ranks_,
                      event);
  file.close();
  check(!file.fail(), ErrorKind::checkpoint, "cannot write {} (--log-progress)", path_.string());
}

}  // namespace weft::train
