#include "weft/pipeline/executor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/comm/link_wait.hpp"
#include "weft/schedule/policy.hpp"

namespace weft::pipeline {

using schedule::Policy;
using schedule::RankState;
using schedule::Schedule;
using schedule::Task;
using schedule::TaskKind;

namespace {

/// What stages exchange: the inputs of F, and those of B or D.
constexpr std::array kExchanged = {TaskKind::forward, TaskKind::backward_input};

/// Longer than any step: a policy that waits this long waits for the next event.
constexpr double kLongestWaitUs = 1e12;

StepPlan follow_alone(Schedule order, int64_t num_microbatches) {
  return follow({{}, num_microbatches, {std::move(order)}}, 0);
}

/// F, B or D, and W: what is noted apart.
size_t row_of(TaskKind kind) {
  return kind == TaskKind::forward ? 0 : kind == TaskKind::backward_weight ? 2 : 1;
}

}  // namespace

Executor::Executor(model::RankModel& model, StepPlan plan, const PipelinePlace& place,
                   MemoryResource& memory)
    : model_(&model),
      place_(place),
      plan_(std::move(plan)),
      stages_(model, place_, plan_.slots, memory) {
  check(!plan_.splits_backward() || model.chunk(0).mode() == model::BackwardMode::split,
        ErrorKind::internal, "the schedule splits backward, the model does not");
  if (place_.endpoint == nullptr) return;
  place_.endpoint->set_notes([this] {
    const std::lock_guard lock(waiting_mutex_);
    return waiting_.empty() ? std::vector<std::string>{} : std::vector<std::string>{waiting_};
  });
}

Executor::Executor(model::RankModel& model, Schedule order, int64_t num_microbatches,
                   MemoryResource& memory)
    : Executor(model, follow_alone(std::move(order), num_microbatches), PipelinePlace{}, memory) {}

Executor::~Executor() {
  if (place_.endpoint != nullptr) place_.endpoint->set_notes({});
}

void Executor::set_plan(StepPlan plan) {
  const StageSlots& have = stages_.slots();
  check(plan.slots.activations <= have.activations && plan.slots.links <= have.links,
        ErrorKind::internal,
        "the schedule holds {} microbatches and {} messages at once, the executor has room for {} "
        "and {}",
        plan.slots.activations, plan.slots.links, have.activations, have.links);
  check(!plan.splits_backward() || model_->chunk(0).mode() == model::BackwardMode::split,
        ErrorKind::internal, "the schedule splits backward, the model does not");
  plan_ = std::move(plan);
}

void Executor::set_schedule(Schedule order, int64_t num_microbatches) {
  set_plan(follow_alone(std::move(order), num_microbatches));
}

double Executor::count_tokens(MicrobatchSource& source) const {
  double tokens = 0.0;
  for (int64_t m = 0; m < num_microbatches(); ++m) tokens += loss_tokens(source.microbatch(m));
  if (place_.replicas != nullptr) {
    place_.replicas->all_reduce(TensorView(&tokens, DType::f64, {1}));
  }
  return tokens;
}

void Executor::reduce_gradients() {
  if (place_.replicas == nullptr) return;
  for (const TensorView& sum : model_->gradient_sums()) place_.replicas->all_reduce(sum);
}

model::LossSum Executor::run_step(MicrobatchSource& source, double loss_scale, LossMean mean) {
  enqueue_step(source, loss_scale, mean);
  return model_->take_loss();
}

void Executor::enqueue_step(MicrobatchSource& source, double loss_scale, LossMean mean) {
  const StepInput input{.source = source,
                        .loss_scale = loss_scale,
                        .mean = mean,
                        .num_microbatches = num_microbatches() * place_.num_replicas(),
                        .tokens = mean == LossMean::tokens ? count_tokens(source) : 0.0};
  begin_step(num_microbatches(), true);
  model_->start_gradients();
  if (plan_.dynamic) {
    run_policy(input);
  } else {
    run_order(input);
  }
  model_->finish_gradients();
  reduce_gradients();
  model_->join_gradients();
}

void Executor::begin_step(int64_t num_microbatches, bool with_backward) {
  if (place_.endpoint != nullptr) place_.endpoint->set_step(step_);
  ++step_;
  step_microbatches_ = num_microbatches;
  stages_.begin_step(num_microbatches, with_backward);
  noted_.assign(kExchanged.size() * static_cast<size_t>(stages_.num_chunks()), 0);
  ready_at_.assign(3 * static_cast<size_t>(stages_.num_chunks() * num_microbatches), 0.0);
  start_ = Clock::now();
  if (!with_backward) return;
  log_.clear();
  log_start_ = std::chrono::duration<double, std::micro>(start_.time_since_epoch()).count();
}

double Executor::now() const {
  return std::chrono::duration<double, std::micro>(Clock::now() - start_).count();
}

void Executor::run_order(const StepInput& input) {
  for (const Task& task : order()) {
    note_arrivals(nullptr, nullptr);
    wait_for(task);
    run(task, input);
  }
}

void Executor::wait_for(const Task& task) {
  const auto wait_while = [&](auto is_missing, auto add, const char* what) {
    while (is_missing()) {
      comm::LinkWait wait(*place_.endpoint);
      add(wait);
      check(!wait.empty(), ErrorKind::internal, "{} waits for a task of its own rank",
            to_string(task));
      describe_wait(fmt::format("next task {}: {}", to_string(task), what));
      wait.wait();
      describe_wait({});
      note_arrivals(nullptr, nullptr);
    }
  };
  wait_while([&] { return !stages_.has_input(task); },
             [&](comm::LinkWait& wait) { stages_.await_input(task, wait); },
             "its input is missing");
  wait_while([&] { return !stages_.has_room(task); },
             [&](comm::LinkWait& wait) { stages_.await_room(task, wait); },
             "its result has nowhere to go");
}

void Executor::run_policy(const StepInput& input) {
  const DynamicOrder& dynamic = *plan_.dynamic;
  RankState state(*dynamic.graph, place_.rank, dynamic.cap);
  const std::unique_ptr<Policy> policy = dynamic.policy(place_.rank);
  while (!state.is_done()) {
    note_arrivals(&state, policy.get());
    update_rooms(state);
    const double clock = now();
    const auto decision = policy->choose({state, clock, kLongestWaitUs});
    if (!decision.task()) {
      wait_for_change(state, decision.until());
      continue;
    }
    state.start(*decision.task());
    policy->started(*decision.task(), clock);
    run(*decision.task(), input);
  }
}

void Executor::run(const Task& task, const StepInput& input) {
  schedule::CommitEntry entry{.task = task, .arrived = ready_at(task), .start = now()};
  stages_.run(task, input);
  entry.end = now();
  stages_.deliver(task);
  note_result(task, entry.end);
  log_.push_back(entry);
}

double& Executor::ready_at(const Task& task) {
  const size_t row = row_of(task.kind) * static_cast<size_t>(stages_.num_chunks()) +
                     static_cast<size_t>(task.chunk);
  return ready_at_[row * static_cast<size_t>(step_microbatches_) +
                   static_cast<size_t>(task.microbatch)];
}

/// What ended here is an input of other tasks of the rank.
void Executor::note_result(const Task& task, double time) {
  const auto note = [&](TaskKind kind, int64_t chunk) {
    double& ready = ready_at({kind, chunk, task.microbatch});
    ready = std::max(ready, time);
  };
  if (task.kind == TaskKind::backward_weight) return;
  const bool forward = task.kind == TaskKind::forward;
  note(forward ? TaskKind::backward_input : TaskKind::backward_weight, task.chunk);
  const schedule::StageMap& stages = place_.stages;
  const int64_t to = stages.stage_of(place_.rank, task.chunk) + (forward ? 1 : -1);
  if (to < 0 || to == stages.num_stages() || stages.rank_of(to) != place_.rank) return;
  note(forward ? TaskKind::forward : TaskKind::backward_input, stages.chunk_of(to));
}

void Executor::note_arrivals(RankState* state, Policy* policy) {
  for (size_t i = 0; i < noted_.size(); ++i) {
    const auto chunks = static_cast<size_t>(stages_.num_chunks());
    Task task{kExchanged[i / chunks], static_cast<int64_t>(i % chunks), noted_[i]};
    if (!stages_.comes_by_link(task)) continue;
    while (task.microbatch < step_microbatches_ && stages_.has_input(task)) {
      const double clock = now();
      ready_at(task) = std::max(ready_at(task), clock);
      if (state != nullptr) state->arrived(task.kind, task.chunk, task.microbatch);
      if (policy != nullptr) policy->arrived(task, clock);
      task.microbatch = ++noted_[i];
    }
  }
}

void Executor::update_rooms(RankState& state) {
  for (const TaskKind kind : kExchanged) {
    for (int64_t chunk = 0; chunk < stages_.num_chunks(); ++chunk) {
      const Task next{kind, chunk, state.next(kind, chunk)};
      state.hold_up(kind, chunk, next.microbatch < step_microbatches_ && !stages_.has_room(next));
    }
  }
}

void Executor::wait_for_change(const RankState& state, double until) {
  comm::LinkWait wait(*place_.endpoint);
  std::string missing;
  for (size_t i = 0; i < noted_.size(); ++i) {
    const auto chunks = static_cast<size_t>(stages_.num_chunks());
    const TaskKind kind = kExchanged[i / chunks];
    const auto chunk = static_cast<int64_t>(i % chunks);
    // What the policy has not heard of, or what it was told: either may have changed since.
    if (noted_[i] < step_microbatches_) stages_.await_input({kind, chunk, noted_[i]}, wait);
    const Task next{kind, chunk, state.next(kind, chunk)};
    if (state.is_held_up(kind, chunk)) stages_.await_room(next, wait);
    if (next.microbatch < step_microbatches_) missing += fmt::format(" {}", to_string(next));
  }
  check(!wait.empty(), ErrorKind::internal,
        "the policy waits, but nothing is on its way to pipeline rank {}", place_.rank);
  describe_wait(fmt::format("no task is ready; next of each kind:{}", missing));
  const bool is_short = until < kLongestWaitUs;
  wait.wait(is_short ? start_ + std::chrono::duration_cast<Clock::duration>(
                                    std::chrono::duration<double, std::micro>(until))
                     : Clock::time_point::max());
  describe_wait({});
}

void Executor::describe_wait(const std::string& text) {
  const std::lock_guard lock(waiting_mutex_);
  waiting_ = text;
}

model::LossSum Executor::evaluate(MicrobatchSource& source, int64_t num_microbatches) {
  Schedule order;
  for (int64_t m = 0; m < num_microbatches; ++m) order.push_back({TaskKind::forward, 0, m});
  StepPlan plan;
  plan.order = {place_.stages, num_microbatches, {std::move(order)}};
  return evaluate(source, plan);
}

model::LossSum Executor::evaluate(MicrobatchSource& source, const StepPlan& plan) {
  begin_step(plan.num_microbatches(), false);
  for (const Task& task : plan.order.ranks[static_cast<size_t>(place_.rank)]) {
    if (task.kind != TaskKind::forward) continue;
    wait_for(task);
    stages_.evaluate(task, source);
    stages_.deliver(task, /*is_evaluation=*/true);
  }
  return model_->take_loss();
}

}  // namespace weft::pipeline
