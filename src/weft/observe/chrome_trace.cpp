#include "weft/observe/chrome_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>

#include "weft/observe/decimal.hpp"
#include "weft/observe/task_style.hpp"

namespace weft::observe {

using schedule::CommitEntry;
using schedule::CommitLog;
using schedule::Task;
using schedule::TaskKind;

namespace {

constexpr double kNanosecond = 1e-3;  ///< in the unit of the trace, microseconds

/// A time in microseconds, to the nanosecond.
std::string us(double time) { return to_decimal(time, 3); }

bool is_backward_message(TaskKind kind) {
  return kind == TaskKind::backward_input || kind == TaskKind::backward;
}

class TraceWriter {
 public:
  explicit TraceWriter(const CommitLog& log)
      : log_(log),
        us_per_unit_(log.time_unit == "us" ? 1 : 1000),
        rank_digits_(fmt::to_string(std::max<int64_t>(1, std::ssize(log.ranks)) - 1).size()) {}

  std::string write() {
    add(R"({{"ph":"M","pid":1,"name":"process_name","args":{{"name":"pipeline"}}}})");
    for (int64_t rank = 0; rank < std::ssize(log_.ranks); ++rank) add_rank(rank);
    return "{\"traceEvents\":[\n" + events_ + "\n],\"displayTimeUnit\":\"ms\"}\n";
  }

 private:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    if (!events_.empty()) events_ += ",\n";
    fmt::format_to(std::back_inserter(events_), format, std::forward<Args>(args)...);
  }

  /// Process and thread 0 mean the idle system to Perfetto.
  static int64_t tid(int64_t rank) { return rank + 1; }

  /// In microseconds, whole nanoseconds: the end of a slice may not pass the start of the next one.
  double time(double units) const { return std::round(units * us_per_unit_ * 1e3) * kNanosecond; }

  /// The events of a rank in order of time.
  void add_rank(int64_t rank) {
    add(R"({{"ph":"M","pid":1,"tid":{},"name":"thread_name","args":{{"name":"rank {}"}}}})",
        tid(rank), rank);
    add(R"({{"ph":"M","pid":1,"tid":{},"name":"thread_sort_index","args":{{"sort_index":{}}}}})",
        tid(rank), rank);
    int64_t held = 0;
    for (const CommitEntry& entry : log_.ranks[static_cast<size_t>(rank)]) {
      const TaskKind kind = entry.task.kind;
      add_slice(rank, entry);
      if (kind == TaskKind::forward) add_held(rank, time(entry.start), ++held);
      add_messages(rank, entry);
      const bool frees = kind == TaskKind::backward_weight || kind == TaskKind::backward;
      if (frees) add_held(rank, time(entry.end), --held);
    }
  }

  void add_slice(int64_t rank, const CommitEntry& entry) {
    const Task& task = entry.task;
    const double start = time(entry.start);
    add(R"({{"ph":"X","pid":1,"tid":{},"ts":{},"dur":{},"cat":"{}","name":"{}",)"
        R"("args":{{"stage":{},"chunk":{},"microbatch":{},"arrived":{}}}}})",
        tid(rank), us(start), us(time(entry.end) - start), description(task.kind), to_string(task),
        log_.stages.stage_of(rank, task.chunk), task.chunk, task.microbatch,
        us(time(entry.arrived)));
  }

  /// The counters stand beside each other in the order of their names.
  void add_held(int64_t rank, double at, int64_t held) {
    add(R"({{"ph":"C","pid":1,"ts":{},"name":"rank {:0>{}} holds","args":{{"microbatches":{}}}}})",
        us(at), rank, rank_digits_, held);
  }

  /// The ends of arrows at a task: of what it received at its start, of what it sends within its
  /// last nanosecond, since an arrow belongs to the slice that its ends lie in.
  void add_messages(int64_t rank, const CommitEntry& entry) {
    const Task& task = entry.task;
    const bool is_forward = task.kind == TaskKind::forward;
    if (!is_forward && !is_backward_message(task.kind)) return;
    const int64_t stage = log_.stages.stage_of(rank, task.chunk);
    const int64_t source = is_forward ? stage - 1 : stage + 1;
    const int64_t target = is_forward ? stage + 1 : stage - 1;
    const double start = time(entry.start);
    if (is_remote(source, rank)) add_arrow("f", rank, start, stage, task);
    const double last = std::max(start, time(entry.end) - kNanosecond);
    if (is_remote(target, rank)) add_arrow("s", rank, last, target, task);
  }

  bool is_remote(int64_t stage, int64_t rank) const {
    return stage >= 0 && stage < log_.stages.num_stages() && log_.stages.rank_of(stage) != rank;
  }

  /// One end of the arrow to `stage`: "s", where it begins, or "f", where it ends.
  void add_arrow(std::string_view end, int64_t rank, double at, int64_t stage, const Task& task) {
    const bool is_forward = task.kind == TaskKind::forward;
    const int64_t id = 2 * (stage * log_.num_microbatches + task.microbatch) + (is_forward ? 0 : 1);
    add(R"({{"ph":"{}","pid":1,"tid":{},"ts":{},"cat":"message","name":"{}","id":{}{}}})", end,
        tid(rank), us(at), is_forward ? "activation" : "gradient", id,
        end == "f" ? R"(,"bp":"e")" : "");
  }

  const CommitLog& log_;
  double us_per_unit_;
  size_t rank_digits_;
  std::string events_;
};

}  // namespace

std::string to_chrome_trace(const CommitLog& log) { return TraceWriter(log).write(); }

}  // namespace weft::observe
