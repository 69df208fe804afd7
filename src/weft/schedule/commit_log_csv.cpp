#include "weft/schedule/commit_log_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/schedule/csv_lines.hpp"

namespace weft::schedule {

namespace {

constexpr std::string_view kMark = "# weft commit log ";
constexpr std::string_view kVersion = "1";
constexpr std::string_view kHeaderFields = "mapping=, ranks=, chunks=, microbatches= and unit=";
constexpr std::string_view kColumns = "rank,seq,kind,chunk,microbatch,stage,arrived,start,end";

/// One bit per kind, for what was seen of a microbatch on a stage.
constexpr uint8_t bit(TaskKind kind) {
  return static_cast<uint8_t>(1U << static_cast<unsigned>(kind));
}
constexpr uint8_t kForward = bit(TaskKind::forward);
constexpr uint8_t kJoint = bit(TaskKind::backward);
constexpr uint8_t kSplit = bit(TaskKind::backward_input) | bit(TaskKind::backward_weight);

/// What is missing of a microbatch on a stage of which `seen` is there; nothing when it is whole.
std::optional<std::string_view> missing_kind(uint8_t seen) {
  if ((seen & kForward) == 0) return "F";
  const int backward = seen & ~kForward;
  if (backward == kJoint || backward == kSplit) return std::nullopt;
  if (backward == bit(TaskKind::backward_input)) return "W";
  if (backward == bit(TaskKind::backward_weight)) return "B";
  return "D (or B and W)";
}

/// Builds a log from its lines and refuses everything that the header of parse_commit_log excludes.
class LogReader {
 public:
  LogReader(std::string_view text, std::string_view name) : lines_(text, name) {}

  CommitLog read() {
    read_header();
    expect_lines_for_all_tasks();
    const std::string_view columns = lines_.next();
    if (columns != kColumns) lines_.fault(in_quotes(columns), in_quotes(kColumns));
    seen_.assign(static_cast<size_t>(log_.stages.num_stages() * log_.num_microbatches), 0);
    while (!lines_.at_end()) add_task(lines_.next());
    expect_whole();
    return std::move(log_);
  }

 private:
  void read_header() {
    std::string_view rest = lines_.next();
    if (!rest.starts_with(kMark)) {
      lines_.fault(in_quotes(rest),
                   fmt::format("\"{}{}: \" and {}", kMark, kVersion, kHeaderFields));
    }
    rest.remove_prefix(kMark.size());
    const std::string_view version = rest.substr(0, rest.find(':'));
    if (version != kVersion) lines_.fault("version " + in_quotes(version), in_quotes(kVersion));
    rest.remove_prefix(version.size());
    if (!rest.starts_with(": "))
      lines_.fault(in_quotes(rest), fmt::format("\": {}\"", kHeaderFields));
    rest.remove_prefix(2);

    const std::string_view mapping = take_field(rest, "mapping");
    if (mapping != "loop" && mapping != "wave") {
      lines_.fault("mapping " + in_quotes(mapping), "loop or wave");
    }
    log_.stages.mapping = mapping == "loop" ? Mapping::loop : Mapping::wave;
    log_.stages.num_ranks = take_count(rest, "ranks");
    log_.stages.num_chunks = take_count(rest, "chunks");
    log_.num_microbatches = take_count(rest, "microbatches");
    log_.time_unit = take_field(rest, "unit");
    if (log_.time_unit != "units" && log_.time_unit != "us") {
      lines_.fault("unit " + in_quotes(log_.time_unit), "units or us");
    }
    if (!rest.empty()) lines_.fault(in_quotes(rest), "the end of the line after the unit");
  }

  /// Takes "key=value" and the space after it from the front of `rest`; returns the value.
  std::string_view take_field(std::string_view& rest, std::string_view key) const {
    const std::string_view field = rest.substr(0, rest.find(' '));
    if (!field.starts_with(key) || !field.substr(key.size()).starts_with('=')) {
      lines_.fault(in_quotes(field), fmt::format("{}= (of {})", key, kHeaderFields));
    }
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
    return field.substr(key.size() + 1);
  }

  int64_t take_count(std::string_view& rest, std::string_view key) const {
    const int64_t count = lines_.integer(take_field(rest, key), key);
    if (count < 1) lines_.fault(fmt::format("{}={}", key, count), "at least 1");
    return count;
  }

  /// The first line may promise anything; memory is taken only for what the text can hold.
  void expect_lines_for_all_tasks() const {
    int64_t room = lines_.num_left();
    room /= log_.stages.num_ranks;
    room /= log_.stages.num_chunks;
    room /= log_.num_microbatches;
    if (room > 0) return;
    lines_.fault(fmt::format("{} ranks with {} chunks and {} microbatches", log_.stages.num_ranks,
                             log_.stages.num_chunks, log_.num_microbatches),
                 fmt::format("counts whose tasks fit the {} lines below", lines_.num_left()));
  }

  void add_task(std::string_view line) {
    std::array<std::string_view, 9> fields;
    lines_.split(line, kColumns, fields);
    const int64_t rank = lines_.integer(fields[0], "rank");
    expect_in_order(rank, lines_.integer(fields[1], "seq"));
    CommitEntry entry;
    entry.task.kind = kind(fields[2]);
    entry.task.chunk = lines_.index(fields[3], "chunk", log_.stages.num_chunks);
    entry.task.microbatch = lines_.index(fields[4], "microbatch", log_.num_microbatches);
    const int64_t stage = log_.stages.stage_of(rank, entry.task.chunk);
    if (lines_.integer(fields[5], "stage") != stage) {
      lines_.fault("stage " + std::string(fields[5]),
                   fmt::format("{}, which is chunk {} of rank {} in a {}", stage, entry.task.chunk,
                               rank, name(log_.stages.mapping)));
    }
    entry.arrived = lines_.number(fields[6], "arrived");
    entry.start = lines_.number(fields[7], "start");
    entry.end = lines_.number(fields[8], "end");
    expect_times_in_order(entry);
    mark_seen(entry.task, stage);
    log_.ranks.back().push_back(entry);
  }

  /// Opens a rank's list at its seq 0; otherwise the task must be the next one of the same rank.
  void expect_in_order(int64_t rank, int64_t seq) {
    const auto num_begun = static_cast<int64_t>(log_.ranks.size());
    const bool may_begin = num_begun < log_.stages.num_ranks;
    if (may_begin && rank == num_begun && seq == 0) {
      log_.ranks.emplace_back();
      return;
    }
    const int64_t due = num_begun == 0 ? 0 : static_cast<int64_t>(log_.ranks.back().size());
    if (num_begun > 0 && rank == num_begun - 1 && seq == due) return;
    const std::string next =
        num_begun == 0 ? "" : fmt::format("rank {} seq {}", num_begun - 1, due);
    const std::string first = may_begin ? fmt::format("rank {} seq 0", num_begun) : "";
    lines_.fault(fmt::format("rank {} seq {}", rank, seq),
                 next + (next.empty() || first.empty() ? "" : " or ") + first);
  }

  TaskKind kind(std::string_view text) const {
    for (const TaskKind kind : {TaskKind::forward, TaskKind::backward_input,
                                TaskKind::backward_weight, TaskKind::backward}) {
      if (text.size() == 1 && text[0] == letter(kind)) return kind;
    }
    lines_.fault("kind " + in_quotes(text), "F, B, W or D");
  }

  void expect_times_in_order(const CommitEntry& entry) const {
    if (entry.start < 0) {
      lines_.fault(fmt::format("start {}", entry.start), "at least 0, the start of the step");
    }
    if (entry.end < entry.start) {
      lines_.fault(fmt::format("end {}", entry.end),
                   fmt::format("at least {}, the start", entry.start));
    }
    if (log_.ranks.back().empty()) return;
    const double previous = log_.ranks.back().back().end;
    if (entry.start < previous - 1e-9 * std::max(1.0, previous)) {
      lines_.fault(fmt::format("start {}", entry.start),
                   fmt::format("at least {}, the end of the task before", previous));
    }
  }

  void mark_seen(const Task& task, int64_t stage) {
    uint8_t& seen = seen_[static_cast<size_t>(stage * log_.num_microbatches + task.microbatch)];
    if ((seen & bit(task.kind)) != 0) {
      lines_.fault(to_string(task) + " a second time", "every task once");
    }
    const bool joins = task.kind == TaskKind::backward;
    if (task.kind != TaskKind::forward && (seen & (joins ? kSplit : kJoint)) != 0) {
      lines_.fault(fmt::format("{} after {} of the same microbatch", to_string(task),
                               joins ? "B or W" : "D"),
                   "either D, or B and W");
    }
    seen = static_cast<uint8_t>(seen | bit(task.kind));
  }

  void expect_whole() const {
    for (size_t cell = 0; cell < seen_.size(); ++cell) {
      const auto missing = missing_kind(seen_[cell]);
      if (!missing) continue;
      const int64_t stage = static_cast<int64_t>(cell) / log_.num_microbatches;
      lines_.fault("the end of the log",
                   fmt::format("{} of chunk {}, microbatch {} on rank {}", *missing,
                               log_.stages.chunk_of(stage),
                               static_cast<int64_t>(cell) % log_.num_microbatches,
                               log_.stages.rank_of(stage)));
    }
  }

  CsvLines lines_;
  CommitLog log_;
  std::vector<uint8_t> seen_;  ///< [stage][microbatch]
};

}  // namespace

std::string to_csv(const CommitLog& log) {
  std::string csv;
  auto out = std::back_inserter(csv);
  fmt::format_to(out, "{}{}: mapping={} ranks={} chunks={} microbatches={} unit={}\n{}\n", kMark,
                 kVersion, name(log.stages.mapping), log.stages.num_ranks, log.stages.num_chunks,
                 log.num_microbatches, log.time_unit, kColumns);
  for (size_t rank = 0; rank < log.ranks.size(); ++rank) {
    for (size_t seq = 0; seq < log.ranks[rank].size(); ++seq) {
      const auto& [task, arrived, start, end] = log.ranks[rank][seq];
      fmt::format_to(out, "{},{},{},{},{},{},{},{},{}\n", rank, seq, letter(task.kind), task.chunk,
                     task.microbatch, log.stages.stage_of(static_cast<int64_t>(rank), task.chunk),
                     arrived, start, end);
    }
  }
  return csv;
}

CommitLog parse_commit_log(std::string_view text, std::string_view name) {
  return LogReader(text, name).read();
}

CommitLog read_commit_log(const std::filesystem::path& path) {
  const MappedFile file(path, ErrorKind::data);
  return parse_commit_log(file.text(), path.string());
}

}  // namespace weft::schedule
