#include "weft/schedule/schedule_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/schedule/csv_cell.hpp"
#include "weft/schedule/progress.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::schedule {

namespace {

/// More ranks than any pipeline has: a longer file is something else.
constexpr int64_t kMaxLines = 1 << 16;
constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text, std::string_view blanks) {
  const size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Splits off what stands before the first `separator`, and the separator.
std::string_view take_until(char separator, std::string_view& text) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

/// Appends the task of a cell, or the two of an overlapped pair, "(1F0;2B3)OVERLAP_F_B", in their
/// order: ranks run one task at a time here.
void add_tasks(std::string_view cell, const CsvPlace& place, Schedule& order) {
  constexpr std::string_view kPairEnd = ")OVERLAP_F_B";
  if (!cell.starts_with('(') || !cell.ends_with(kPairEnd)) {
    order.push_back(parse_csv_cell(cell, place));
    return;
  }
  std::string_view rest = cell.substr(1, cell.size() - 1 - kPairEnd.size());
  const std::string_view first = take_until(';', rest);
  order.push_back(parse_csv_cell(trimmed(first, kBlanks), place));
  order.push_back(parse_csv_cell(trimmed(rest, kBlanks), place));
}

/// The lines as orders whose tasks have their global stage as chunk.
std::vector<Schedule> parse_lines(std::string_view text, std::string_view name) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  check(!text.starts_with("\xff\xfe") && !text.starts_with("\xfe\xff"), ErrorKind::data,
        "{} is UTF-16 text, expected ASCII or UTF-8", name);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text = text.substr(0, text.find_last_not_of(" \t\r\v\f\n") + 1);
  check(!text.empty(), ErrorKind::data, "{} is empty, expected a line of tasks per rank", name);

  std::vector<Schedule> lines;
  while (!text.empty()) {
    const CsvPlace place{name, static_cast<int64_t>(lines.size()) + 1};
    check(place.line <= kMaxLines, ErrorKind::data, "{}: more than {} lines, expected one per rank",
          name, kMaxLines);
    Schedule& order = lines.emplace_back();
    for (std::string_view line = take_until('\n', text); !line.empty();) {
      const std::string_view cell = trimmed(take_until(',', line), kBlanks);
      if (!cell.empty()) add_tasks(cell, place, order);
    }
    check(!order.empty(), ErrorKind::usage, "{}: line {} has no tasks", name, place.line);
  }
  return lines;
}

/// Finds which stages the lines hold and the mapping that puts them there.
class StageSearch {
 public:
  StageSearch(const std::vector<Schedule>& lines, std::string_view name)
      : lines_(lines), name_(name) {}

  StageMap run() {
    find_owners();
    const int64_t num_ranks = static_cast<int64_t>(lines_.size());
    const StageMap loop{Mapping::loop, num_ranks, num_chunks_};
    const StageMap wave{Mapping::wave, num_ranks, num_chunks_};
    const auto misfit_loop = first_misfit(loop);
    if (!misfit_loop) return loop;
    const auto misfit_wave = first_misfit(wave);
    if (!misfit_wave) return wave;
    const auto line_of = [this](int64_t stage) { return owner_[static_cast<size_t>(stage)] + 1; };
    fail(ErrorKind::usage,
         "{}: the stages fit neither mapping: loop has stage {} on line {}, not {}; wave has "
         "stage {} on line {}, not {}",
         name_, *misfit_loop, loop.rank_of(*misfit_loop) + 1, line_of(*misfit_loop), *misfit_wave,
         wave.rank_of(*misfit_wave) + 1, line_of(*misfit_wave));
  }

 private:
  void find_owners() {
    int64_t num_tasks = 0;
    for (const Schedule& line : lines_) num_tasks += static_cast<int64_t>(line.size());
    std::vector<int64_t> num_stages(lines_.size(), 0);
    for (size_t rank = 0; rank < lines_.size(); ++rank) {
      for (const Task& task : lines_[rank]) {
        const int64_t stage = task.chunk;
        check(stage < num_tasks, ErrorKind::usage,
              "{}: line {} has stage {}, more stages than the {} tasks of the file", name_,
              rank + 1, stage, num_tasks);
        num_stages[rank] += claim(stage, static_cast<int64_t>(rank)) ? 1 : 0;
      }
      check(num_stages[rank] == num_stages[0], ErrorKind::usage,
            "{}: line {} has tasks of {} stages, expected {} as on line 1", name_, rank + 1,
            num_stages[rank], num_stages[0]);
    }
    num_chunks_ = num_stages[0];
    const int64_t all = num_chunks_ * static_cast<int64_t>(lines_.size());
    const auto num_numbers = static_cast<int64_t>(owner_.size());
    check(num_numbers == all, ErrorKind::usage,
          "{}: line {} has stage {}, expected stages 0 to {} ({} lines with {} each)", name_,
          owner_.back() + 1, num_numbers - 1, all - 1, lines_.size(), num_chunks_);
  }

  /// Notes that `rank` runs `stage`; false when that was known. Throws when another rank does too.
  bool claim(int64_t stage, int64_t rank) {
    const auto index = static_cast<size_t>(stage);
    if (index >= owner_.size()) owner_.resize(index + 1, kNobody);
    if (owner_[index] == rank) return false;
    check(owner_[index] == kNobody, ErrorKind::usage,
          "{}: line {} has tasks of stage {}, which is on line {} already", name_, rank + 1, stage,
          owner_[index] + 1);
    owner_[index] = rank;
    return true;
  }

  std::optional<int64_t> first_misfit(const StageMap& stages) const {
    for (int64_t stage = 0; stage < stages.num_stages(); ++stage) {
      if (owner_[static_cast<size_t>(stage)] != stages.rank_of(stage)) return stage;
    }
    return {};
  }

  static constexpr int64_t kNobody = -1;

  const std::vector<Schedule>& lines_;
  std::string_view name_;
  std::vector<int64_t> owner_;  ///< [stage] rank
  int64_t num_chunks_ = 0;
};

/// "3I0" and "line 2"
FaultWords csv_words() {
  return {
      [](int64_t stage, const Task& task) { return csv_cell(stage, task.kind, task.microbatch); },
      [](int64_t rank) { return fmt::format("line {}", rank + 1); }};
}

}  // namespace

std::string to_csv(const PipelineSchedule& schedule) {
  validate(schedule);
  const StageMap& stages = schedule.stages;
  Progress progress(stages);
  std::vector<std::string> lines(schedule.ranks.size());
  std::vector<size_t> next(schedule.ranks.size(), 0);
  struct Started {
    int64_t stage;
    TaskKind kind;
  };
  std::vector<Started> started;
  for (int64_t step = 0; step == 0 || !started.empty(); ++step) {
    for (const Started& task : started) progress.finish(task.stage, task.kind);
    started.clear();
    for (size_t rank = 0; rank < lines.size(); ++rank) {
      const Schedule& order = schedule.ranks[rank];
      if (next[rank] == order.size()) continue;
      if (step > 0) lines[rank] += ',';
      const Task& task = order[next[rank]];
      const int64_t stage = stages.stage_of(static_cast<int64_t>(rank), task.chunk);
      if (progress.missing(stage, task)) continue;
      started.push_back({stage, task.kind});
      lines[rank] += csv_cell(stage, task.kind, task.microbatch);
      ++next[rank];
    }
  }

  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

PipelineSchedule parse_schedule_csv(std::string_view text, std::string_view name) {
  PipelineSchedule schedule;
  schedule.ranks = parse_lines(text, name);
  schedule.stages = StageSearch(schedule.ranks, name).run();
  for (Schedule& order : schedule.ranks) {
    for (Task& task : order) {
      task.chunk = schedule.stages.chunk_of(task.chunk);
      schedule.num_microbatches = std::max(schedule.num_microbatches, task.microbatch + 1);
    }
  }
  const auto fault = find_fault(schedule, {}, csv_words());
  check(!fault, ErrorKind::usage, "{}: {}", name, fault.value_or(""));
  return schedule;
}

PipelineSchedule read_schedule_csv(const std::filesystem::path& path) {
  const MappedFile file(path, ErrorKind::data);
  return parse_schedule_csv(file.text(), path.string());
}

}  // namespace weft::schedule
