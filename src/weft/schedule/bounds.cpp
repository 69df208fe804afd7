#include "weft/schedule/bounds.hpp"

#include <algorithm>
#include <queue>
#include <vector>

namespace weft::schedule {

namespace {

struct Job {
  double release;  // longest path to its start
  double time;
  double tail;  // longest path after its end
};

// The jobs of every rank.
std::vector<std::vector<Job>> jobs_of(const Graph& graph) {
  const StageMap& stages = graph.stages();
  const int64_t num_stages = stages.num_stages();
  const bool split = graph.splits_backward();
  const TaskKind back = split ? TaskKind::backward_input : TaskKind::backward;
  std::vector<std::vector<Job>> ranks(static_cast<size_t>(stages.num_ranks));
  std::vector<double> forward_tail(static_cast<size_t>(num_stages));
  std::vector<double> backward_tail(static_cast<size_t>(num_stages));
  for (int64_t m = 0; m < graph.num_microbatches(); ++m) {
    const auto time = [&](TaskKind kind, int64_t s) { return graph.duration(kind, s, m); };
    for (int64_t s = 0; s < num_stages; ++s) {
      const auto i = static_cast<size_t>(s);
      double tail = 0;
      if (s > 0) tail = graph.backward_latency(s - 1, m) + time(back, s - 1) + backward_tail[i - 1];
      if (split) tail = std::max(tail, time(TaskKind::backward_weight, s));
      backward_tail[i] = tail;
    }
    for (int64_t s = num_stages - 1; s >= 0; --s) {
      const auto i = static_cast<size_t>(s);
      double tail = time(back, s) + backward_tail[i];
      if (s + 1 < num_stages) {
        tail = std::max(tail, graph.forward_latency(s + 1, m) + time(TaskKind::forward, s + 1) +
                                  forward_tail[i + 1]);
      }
      forward_tail[i] = tail;
    }
    const auto add = [&](int64_t s, const Job& job) {
      ranks[static_cast<size_t>(stages.rank_of(s))].push_back(job);
    };
    double head = 0;
    for (int64_t s = 0; s < num_stages; ++s) {
      head += graph.forward_latency(s, m);
      add(s, {head, time(TaskKind::forward, s), forward_tail[static_cast<size_t>(s)]});
      head += time(TaskKind::forward, s);
    }
    for (int64_t s = num_stages - 1; s >= 0; --s) {
      head += graph.backward_latency(s, m);
      add(s, {head, time(back, s), backward_tail[static_cast<size_t>(s)]});
      head += time(back, s);
      if (split) add(s, {head, time(TaskKind::backward_weight, s), 0});
    }
  }
  return ranks;
}

// Jackson's rule: of the released jobs the one with the longest tail, interrupted by releases.
double preemptive_bound(std::vector<Job> jobs) {
  std::ranges::sort(jobs, {}, &Job::release);
  const auto shorter_tail = [](const Job& a, const Job& b) { return a.tail < b.tail; };
  std::priority_queue<Job, std::vector<Job>, decltype(shorter_tail)> released(shorter_tail);
  double clock = 0;
  double bound = 0;
  size_t next = 0;
  while (next < jobs.size() || !released.empty()) {
    if (released.empty()) clock = std::max(clock, jobs[next].release);
    while (next < jobs.size() && jobs[next].release <= clock) released.push(jobs[next++]);
    Job job = released.top();
    released.pop();
    const double until = next < jobs.size() ? jobs[next].release : clock + job.time;
    if (clock + job.time <= until) {
      clock += job.time;
      bound = std::max(bound, clock + job.tail);
    } else {
      job.time -= until - clock;
      clock = until;
      released.push(job);
    }
  }
  return bound;
}

}  // namespace

MakespanBounds makespan_bounds(const Graph& graph) {
  MakespanBounds bounds;
  for (std::vector<Job>& jobs : jobs_of(graph)) {
    for (const Job& job : jobs) {
      bounds.path = std::max(bounds.path, job.release + job.time + job.tail);
    }
    bounds.machine = std::max(bounds.machine, preemptive_bound(std::move(jobs)));
  }
  return bounds;
}

double memory_bound(const Graph& graph, int64_t cap) {
  const StageMap& stages = graph.stages();
  const int64_t num_stages = stages.num_stages();
  const TaskKind back = graph.splits_backward() ? TaskKind::backward_input : TaskKind::backward;
  std::vector<double> held(static_cast<size_t>(stages.num_ranks), 0);  // memory times time
  for (int64_t m = 0; m < graph.num_microbatches(); ++m) {
    double loop = 0;  // from the start of F to the end of B or D
    for (int64_t s = num_stages - 1; s >= 0; --s) {
      loop += graph.duration(TaskKind::forward, s, m) + graph.duration(back, s, m);
      double chain = loop;
      if (graph.splits_backward()) chain += graph.duration(TaskKind::backward_weight, s, m);
      held[static_cast<size_t>(stages.rank_of(s))] += static_cast<double>(graph.charge(s)) * chain;
      if (s > 0) loop += graph.forward_latency(s, m) + graph.backward_latency(s - 1, m);
    }
  }
  return std::ranges::max(held) / static_cast<double>(cap);
}

}  // namespace weft::schedule
