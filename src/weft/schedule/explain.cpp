#include "weft/schedule/explain.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "weft/base/error.hpp"
#include "weft/schedule/bounds.hpp"
#include "weft/schedule/list_policy.hpp"
#include "weft/schedule/simulator.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::schedule {

namespace {

constexpr int64_t kKinds = 4;

// Finds the entries of a log by task.
class LogIndex {
 public:
  explicit LogIndex(const CommitLog& log)
      : log_(log),
        places_(static_cast<size_t>(kKinds * log.stages.num_stages() * log.num_microbatches)) {
    for (size_t rank = 0; rank < log.ranks.size(); ++rank) {
      for (size_t i = 0; i < log.ranks[rank].size(); ++i) {
        const Task& task = log.ranks[rank][i].task;
        const int64_t stage = log.stages.stage_of(static_cast<int64_t>(rank), task.chunk);
        places_[key(task.kind, stage, task.microbatch)] = {static_cast<int64_t>(rank),
                                                           static_cast<int64_t>(i)};
      }
    }
  }

  struct Place {
    int64_t rank = 0;
    int64_t index = -1;
  };

  // Nothing when the log has no such task; B stands for either kind of backward.
  std::optional<Place> find(TaskKind kind, int64_t stage, int64_t microbatch) const {
    Place place = places_[key(kind, stage, microbatch)];
    if (place.index < 0 && kind == TaskKind::backward_input) {
      place = places_[key(TaskKind::backward, stage, microbatch)];
    }
    return place.index < 0 ? std::nullopt : std::optional(place);
  }

  const CommitEntry& entry(const Place& place) const {
    return log_.ranks[static_cast<size_t>(place.rank)][static_cast<size_t>(place.index)];
  }

  // The task of another stage, or of its own, whose result came last.
  std::optional<Place> input_of(const Place& place) const {
    const Task& task = entry(place).task;
    const int64_t stage = log_.stages.stage_of(place.rank, task.chunk);
    if (task.kind == TaskKind::backward_weight) {
      return find(TaskKind::backward_input, stage, task.microbatch);
    }
    if (task.kind == TaskKind::forward) {
      if (stage == 0) return std::nullopt;
      return find(TaskKind::forward, stage - 1, task.microbatch);
    }
    if (stage + 1 == log_.stages.num_stages()) {
      return find(TaskKind::forward, stage, task.microbatch);
    }
    return find(TaskKind::backward_input, stage + 1, task.microbatch);
  }

 private:
  size_t key(TaskKind kind, int64_t stage, int64_t microbatch) const {
    return static_cast<size_t>((static_cast<int64_t>(kind) * log_.stages.num_stages() + stage) *
                                   log_.num_microbatches +
                               microbatch);
  }

  const CommitLog& log_;
  std::vector<Place> places_;  // [kind][stage][microbatch]
};

// The graph that the log measured. D is taken for half B, half W, which only its sum shows.
Graph measured_graph(const CommitLog& log, const LogIndex& index) {
  bool splits = false;
  for (const auto& entries : log.ranks) {
    splits = splits || std::ranges::any_of(entries, [](const CommitEntry& entry) {
               return entry.task.kind == TaskKind::backward_weight;
             });
  }
  Graph graph(log.stages, log.num_microbatches, splits);
  for (size_t rank = 0; rank < log.ranks.size(); ++rank) {
    for (size_t i = 0; i < log.ranks[rank].size(); ++i) {
      const CommitEntry& entry = log.ranks[rank][i];
      const Task& task = entry.task;
      const LogIndex::Place place{static_cast<int64_t>(rank), static_cast<int64_t>(i)};
      const int64_t stage = log.stages.stage_of(place.rank, task.chunk);
      const double time = entry.end - entry.start;
      if (task.kind == TaskKind::backward) {
        graph.set_duration(TaskKind::backward_input, stage, task.microbatch, time / 2);
        graph.set_duration(TaskKind::backward_weight, stage, task.microbatch, time - time / 2);
      } else {
        graph.set_duration(task.kind, stage, task.microbatch, time);
      }
      const auto input = index.input_of(place);
      if (!input || task.kind == TaskKind::backward_weight) continue;
      const double latency = std::max(0.0, entry.arrived - index.entry(*input).end);
      if (task.kind == TaskKind::forward) {
        graph.set_forward_latency(stage, task.microbatch, latency);
      } else {
        graph.set_backward_latency(stage, task.microbatch, latency);
      }
    }
  }
  return graph;
}

// Every duration, and every latency, replaced by its mean over the microbatches.
Graph with_means(const Graph& graph, bool keeps_latency) {
  const int64_t m = graph.num_microbatches();
  Graph means(graph.stages(), m, graph.splits_backward());
  const auto mean = [m](const auto& value) {
    double sum = 0;
    for (int64_t i = 0; i < m; ++i) sum += value(i);
    return sum / static_cast<double>(m);
  };
  for (int64_t s = 0; s < graph.stages().num_stages(); ++s) {
    const double forward = mean([&](int64_t i) { return graph.forward_latency(s, i); });
    const double backward = mean([&](int64_t i) { return graph.backward_latency(s, i); });
    for (const TaskKind kind :
         {TaskKind::forward, TaskKind::backward_input, TaskKind::backward_weight}) {
      const double time = mean([&](int64_t i) { return graph.duration(kind, s, i); });
      for (int64_t i = 0; i < m; ++i) means.set_duration(kind, s, i, time);
    }
    for (int64_t i = 0; i < m && keeps_latency; ++i) {
      means.set_forward_latency(s, i, forward);
      means.set_backward_latency(s, i, backward);
    }
  }
  return means;
}

double best_dispatch(const Graph& graph) {
  double best = std::numeric_limits<double>::infinity();
  for (const ListKey key : {ListKey::depth_first, ListKey::breadth_first, ListKey::deep}) {
    const auto make = [key](int64_t) {
      return std::make_unique<ListPolicy>(ListPolicyConfig{key, std::nullopt, nullptr});
    };
    best = std::min(best, simulate(graph, make).makespan);
  }
  return best;
}

double largest_work(const Graph& graph) {
  double work = 0;
  for (int64_t rank = 0; rank < graph.stages().num_ranks; ++rank) {
    work = std::max(work, graph.work(rank));
  }
  return work;
}

// From the task that ends last back to the start of the step, each time to what let the task start.
std::vector<CriticalTask> critical_path(const CommitLog& log, const LogIndex& index) {
  LogIndex::Place place;
  double last = -1;
  for (size_t rank = 0; rank < log.ranks.size(); ++rank) {
    const auto& entries = log.ranks[rank];
    if (entries.empty() || entries.back().end <= last) continue;
    last = entries.back().end;
    place = {static_cast<int64_t>(rank), static_cast<int64_t>(entries.size()) - 1};
  }
  const double tolerance = 1e-6 * std::max(last, 0.0);
  std::vector<CriticalTask> path;
  while (place.index >= 0) {
    const CommitEntry& entry = index.entry(place);
    const auto input = index.input_of(place);
    const double rank_free = place.index > 0 ? index.entry({place.rank, place.index - 1}).end : 0;
    CriticalTask step{place.rank, entry, StartReason::step, entry.start};
    LogIndex::Place before;
    if (input && (place.index == 0 || entry.arrived > rank_free)) {
      before = *input;
      step.reason = input->rank == place.rank ? StartReason::local : StartReason::message;
      if (entry.start > entry.arrived + tolerance) step.reason = StartReason::idle;
    } else if (place.index > 0) {
      before = {place.rank, place.index - 1};
      step.reason = entry.start > rank_free + tolerance ? StartReason::idle : StartReason::rank;
    }
    if (before.index >= 0) step.wait = entry.start - index.entry(before).end;
    path.push_back(step);
    place = before;
  }
  std::ranges::reverse(path);
  return path;
}

}  // namespace

Explanation explain(const CommitLog& log) {
  const PipelineSchedule order = log.plan();
  const auto fault = find_fault(order, {}, rank_words());
  check(!fault, ErrorKind::data, "the log is no step that could have run: {}", fault.value_or(""));
  const LogIndex index(log);
  const Graph measured = measured_graph(log, index);
  const Graph mean = with_means(measured, true);
  const Graph instant = with_means(measured, false);
  const double replayed = simulate(measured, order).makespan;
  const double without_jitter = simulate(mean, order).makespan;
  const double without_latency = simulate(instant, order).makespan;
  const double without_limit = std::min(best_dispatch(instant), without_latency);

  Explanation result;
  result.makespan = log.makespan();
  result.bound = makespan_bounds(measured).largest();
  result.work = largest_work(instant);
  result.warmup = without_limit - result.work;
  result.memory = without_latency - without_limit;
  result.latency = without_jitter - without_latency;
  result.jitter = replayed - without_jitter;
  result.overhead = result.makespan - replayed;
  result.critical_path = critical_path(log, index);
  return result;
}

Efficiency efficiency(const CommitLog& log) {
  const LogIndex index(log);
  Graph graph = measured_graph(log, index);
  for (int64_t stage = 0; stage < log.stages.num_stages(); ++stage) {
    for (int64_t m = 0; m < log.num_microbatches; ++m) {
      graph.set_forward_latency(stage, m, 0);
      graph.set_backward_latency(stage, m, 0);
    }
  }
  double work = 0;
  for (const std::vector<CommitEntry>& rank : log.ranks) {
    for (const CommitEntry& entry : rank) work += entry.end - entry.start;
  }
  Efficiency result;
  result.makespan = log.makespan();
  const double capacity = result.makespan * static_cast<double>(log.ranks.size());
  result.bubble = capacity > 0 ? 1 - work / capacity : 0;
  // Clocks of several machines agree only roughly.
  result.bound = std::min(makespan_bounds(graph).largest(), result.makespan);
  return result;
}

}  // namespace weft::schedule
