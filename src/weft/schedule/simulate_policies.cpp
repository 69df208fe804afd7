#include "weft/schedule/simulator.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "weft/schedule/wait_chain.hpp"

namespace weft::schedule {

namespace {

/// Events closer than this are one time (reference/schedules.md A.1).
constexpr double kSameTime = 1e-12;

struct Event {
  double time;
  int64_t rank;
  bool is_end;  // of the rank's current task; else `task` got its input from another rank
  Task task;
};
struct Later {
  bool operator()(const Event& a, const Event& b) const { return a.time > b.time; }
};

// Ranks that decide for themselves.
class PolicyRun {
 public:
  PolicyRun(const Graph& graph, const PolicyFactory& factory, const PolicyLimits& limits)
      : graph_(graph), stages_(graph.stages()), result_(Simulation::of(graph)) {
    for (int64_t rank = 0; rank < stages_.num_ranks; ++rank) {
      ranks_.push_back({RankState(graph, rank, limits.cap, limits.order), factory(rank)});
      ranks_.back().inputs_at.assign(
          static_cast<size_t>(3 * stages_.num_chunks * graph.num_microbatches()), 0);
      longest_wait_ += graph.work(rank);
    }
    for (int64_t stage = 0; stage < stages_.num_stages(); ++stage) {
      for (int64_t m = 0; m < graph.num_microbatches(); ++m) {
        longest_wait_ += graph.forward_latency(stage, m) + graph.backward_latency(stage, m);
      }
    }
    longest_wait_ += 1;  // longer than any step, so that no wait ends before something happens
  }

  Simulation run() {
    ask_idle_ranks();
    while (advance()) {
    }
    result_.summarise(graph_);
    std::vector<const RankState*> states;
    bool done = true;
    for (const Rank& rank : ranks_) {
      states.push_back(&rank.state);
      result_.peak_charge.push_back(rank.state.peak());
      done = done && rank.state.is_done();
    }
    if (!done) result_.deadlock = wait_chain(states);
    return std::move(result_);
  }

 private:
  struct Rank {
    RankState state;
    std::unique_ptr<Policy> policy;
    bool busy = false;
    double until = 0;                 // when it last wanted to be asked again
    std::vector<double> inputs_at{};  // [F, B or D, W][chunk][microbatch]: when the last input came
  };

  // Moves to the next time at which anything happens or a policy wants to be asked. False when
  // nothing ever will.
  bool advance() {
    const double wake =
        wake_ups_.empty() ? std::numeric_limits<double>::infinity() : wake_ups_.front();
    if (events_.empty() && wake >= last_event_ + longest_wait_) {
      // Nothing runs, nothing is on its way, and every wait has been as long as it can be. All are
      // finite, so everyone is asked once more; if nobody starts, nobody ever will.
      clock_ = last_event_ + longest_wait_;
      return ask_idle_ranks();
    }
    clock_ = events_.empty() ? wake : std::min(wake, events_.front().time);
    while (!wake_ups_.empty() && wake_ups_.front() <= clock_ + kSameTime) {
      std::ranges::pop_heap(wake_ups_, std::greater{});
      wake_ups_.pop_back();
    }
    while (!events_.empty() && events_.front().time <= clock_ + kSameTime) {
      std::ranges::pop_heap(events_, Later{});
      const Event event = events_.back();
      events_.pop_back();
      last_event_ = event.time;
      apply(event);
    }
    ask_idle_ranks();
    return true;
  }

  void apply(const Event& event) {
    Rank& rank = ranks_[static_cast<size_t>(event.rank)];
    if (event.is_end) {
      rank.busy = false;
      send(event);
      return;
    }
    rank.state.arrived(event.task.kind, event.task.chunk, event.task.microbatch);
    rank.policy->arrived(event.task, event.time);
    note_input(rank, event.task, event.time);
  }

  double& input_at(Rank& rank, const Task& task) const {
    const int64_t row = task.kind == TaskKind::forward           ? 0
                        : task.kind == TaskKind::backward_weight ? 2
                                                                 : 1;
    return rank.inputs_at[static_cast<size_t>(
        (row * stages_.num_chunks + task.chunk) * graph_.num_microbatches() + task.microbatch)];
  }
  void note_input(Rank& rank, const Task& task, double time) const {
    input_at(rank, task) = std::max(input_at(rank, task), time);
  }

  // The result of the task that `event` ends, on its way to the tasks that need it.
  void send(const Event& event) {
    const Task& task = event.task;
    Rank& rank = ranks_[static_cast<size_t>(event.rank)];
    if (task.kind == TaskKind::backward_weight) return;
    const bool forward = task.kind == TaskKind::forward;
    const TaskKind local = forward ? TaskKind::backward_input : TaskKind::backward_weight;
    note_input(rank, {local, task.chunk, task.microbatch}, event.time);
    const int64_t stage = stages_.stage_of(event.rank, task.chunk);
    const int64_t to = stage + (forward ? 1 : -1);
    if (to < 0 || to == stages_.num_stages()) return;
    const Task waiting{forward ? TaskKind::forward : TaskKind::backward_input, stages_.chunk_of(to),
                       task.microbatch};
    if (stages_.rank_of(to) == event.rank) {
      note_input(rank, waiting, event.time);
      return;
    }
    const double latency = forward ? graph_.forward_latency(to, task.microbatch)
                                   : graph_.backward_latency(to, task.microbatch);
    push({event.time + latency, stages_.rank_of(to), false, waiting});
  }

  void push(const Event& event) {
    events_.push_back(event);
    std::ranges::push_heap(events_, Later{});
  }

  // A wake-up that was asked for is a time like any other, whatever its rank does by then: all idle
  // ranks are asked (A.1).
  void note_wake_up(Rank& rank, double until) {
    if (until == rank.until || until >= clock_ + longest_wait_) return;
    rank.until = until;
    wake_ups_.push_back(until);
    std::ranges::push_heap(wake_ups_, std::greater{});
  }

  // Whether any rank started a task.
  bool ask_idle_ranks() {
    bool any = false;
    for (size_t i = 0; i < ranks_.size(); ++i) {
      Rank& rank = ranks_[i];
      if (rank.busy || rank.state.is_done()) continue;
      const Decision decision = rank.policy->choose({rank.state, clock_, longest_wait_});
      if (!decision.task()) {
        note_wake_up(rank, decision.until());
        continue;
      }
      start(static_cast<int64_t>(i), rank, *decision.task());
      any = true;
    }
    return any;
  }

  void start(int64_t index, Rank& rank, const Task& task) {
    const int64_t stage = stages_.stage_of(index, task.chunk);
    const double end = clock_ + graph_.duration(task.kind, stage, task.microbatch);
    const double arrived = input_at(rank, task);
    rank.state.start(task);
    rank.policy->started(task, clock_);
    rank.busy = true;
    result_.log.ranks[static_cast<size_t>(index)].push_back({task, arrived, clock_, end});
    push({end, index, true, task});
  }

  const Graph& graph_;
  const StageMap& stages_;
  std::vector<Rank> ranks_;
  std::vector<Event> events_;     // a heap, earliest first
  std::vector<double> wake_ups_;  // a heap, earliest first
  double clock_ = 0;
  double last_event_ = 0;
  double longest_wait_ = 0;
  Simulation result_;
};

}  // namespace

Simulation simulate(const Graph& graph, const PolicyFactory& policy, const PolicyLimits& limits) {
  return PolicyRun(graph, policy, limits).run();
}

}  // namespace weft::schedule
