#include "weft/schedule/plan_policy.hpp"

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/schedule/simulator.hpp"

namespace weft::schedule {

namespace {

// Times that differ by rounding only are one.
double rounding_of(double time) { return 1e-9 * std::max(1.0, time); }

// F, then B or D, then W.
size_t sequence_of(TaskKind kind) {
  return kind == TaskKind::forward ? 0 : kind == TaskKind::backward_weight ? 2 : 1;
}

}  // namespace

TimedPlan::TimedPlan(const Graph& graph, const PipelineSchedule& schedule) {
  Simulation run = simulate(graph, schedule);
  check(run.deadlock.empty(), ErrorKind::usage, "the plan cannot finish: {}", run.deadlock);
  log_ = std::move(run.log);
}

PlanPolicy::PlanPolicy(std::shared_ptr<const TimedPlan> plan, int64_t rank,
                       std::optional<FillRule> fill)
    : plan_(std::move(plan)), entries_(plan_->rank(rank)), fill_(fill) {
  const auto cells = static_cast<size_t>(plan_->stages().num_chunks * plan_->num_microbatches());
  positions_.assign(3 * cells, 0);
  for (size_t i = 0; i < entries_.size(); ++i) positions_[position(entries_[i].task)] = i;
  is_started_.assign(entries_.size(), 0);
  lateness_.assign(static_cast<size_t>(2 * plan_->stages().num_chunks), 0);
}

// Where positions_ has the entry of a task.
size_t PlanPolicy::position(const Task& task) const {
  const auto chunks = static_cast<size_t>(plan_->stages().num_chunks);
  const size_t row = sequence_of(task.kind) * chunks + static_cast<size_t>(task.chunk);
  return row * static_cast<size_t>(plan_->num_microbatches()) +
         static_cast<size_t>(task.microbatch);
}

size_t PlanPolicy::link(const Task& task) const {
  const auto chunks = static_cast<size_t>(plan_->stages().num_chunks);
  return sequence_of(task.kind) * chunks + static_cast<size_t>(task.chunk);
}

void PlanPolicy::started(const Task& task, double /*time*/) {
  is_started_[positions_[position(task)]] = 1;
  while (cursor_ < is_started_.size() && is_started_[cursor_] != 0) ++cursor_;
}

void PlanPolicy::arrived(const Task& task, double time) {
  lateness_[link(task)] = time - entries_[positions_[position(task)]].arrived;
}

// The planned time, moved by what the link's last message was late.
double PlanPolicy::expected_ready(const CommitEntry& head) const {
  if (head.task.kind == TaskKind::backward_weight) return head.arrived;
  return head.arrived + std::max(0.0, lateness_[link(head.task)]);
}

Decision PlanPolicy::choose(const View& view) const {
  const CommitEntry& head = entries_[cursor_];
  if (view.rank.can_start(head.task)) return Decision::run(head.task);
  if (!fill_) return Decision::wait(view);
  const double ready = expected_ready(head);
  const bool is_late = view.clock > ready + rounding_of(ready);
  const Fill found = fill(view, ready, is_late);
  if (found.task) return Decision::run(*found.task);
  // From then on the head is late, and what is ready may run.
  const bool may_fill = found.has_candidate && ready > view.clock;
  return may_fill ? Decision::wait_until(view, ready) : Decision::wait(view);
}

PlanPolicy::Fill PlanPolicy::fill(const View& view, double head_ready, bool head_is_late) const {
  Fill found;
  const RankState& rank = view.rank;
  // Memory of the rest of the plan before the entry, run in order: now, and at most.
  int64_t planned = rank.used();
  int64_t planned_peak = planned;
  const size_t end = std::min(entries_.size(), cursor_ + static_cast<size_t>(fill_->window));
  for (size_t i = cursor_; i < end; ++i) {
    if (is_started_[i] != 0) continue;
    const CommitEntry& entry = entries_[i];
    const Task& task = entry.task;
    const int64_t charge = rank.charge(task.chunk);
    const bool takes_memory = task.kind == TaskKind::forward;
    if (i > cursor_ && rank.can_start(task)) {
      found.has_candidate = true;
      const double alpha =
          task.kind == TaskKind::backward_weight ? fill_->alpha_weight : fill_->alpha_other;
      const double harmless_end = view.clock + (entry.end - entry.start) * (1 - alpha);
      const bool harmless = head_is_late || harmless_end <= head_ready + rounding_of(head_ready);
      const bool fits = !takes_memory || !rank.cap() || planned_peak + charge <= *rank.cap();
      if (harmless && fits) {
        found.task = task;
        return found;
      }
    }
    if (takes_memory) planned += charge;
    if (task.kind == TaskKind::backward_weight || task.kind == TaskKind::backward) {
      planned -= charge;
    }
    planned_peak = std::max(planned_peak, planned);
  }
  return found;
}

}  // namespace weft::schedule
