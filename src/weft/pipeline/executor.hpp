#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "weft/model/rank_model.hpp"
#include "weft/pipeline/microbatch_source.hpp"
#include "weft/pipeline/pipeline_place.hpp"
#include "weft/pipeline/rank_stages.hpp"
#include "weft/pipeline/step_plan.hpp"
#include "weft/schedule/commit_log.hpp"
#include "weft/schedule/rank_state.hpp"
#include "weft/schedule/task.hpp"

namespace weft::pipeline {

/// Runs the tasks of steps on the chunks of one rank: in a fixed order, or as a policy decides from
/// what has arrived and what memory is left. All ranks of a pipeline, and of its replicas, call the
/// same functions in the same order. The gradients have the same bits whatever the order.
class Executor {
 public:
  /// `model` outlives the executor. Throws Error{device} when its memory cannot be had.
  Executor(model::RankModel& model, StepPlan plan, const PipelinePlace& place,
           MemoryResource& memory = host_memory());
  /// A pipeline of one rank that runs `order`. Throws Error{usage} when that is not complete for
  /// `num_microbatches`.
  Executor(model::RankModel& model, schedule::Schedule order, int64_t num_microbatches,
           MemoryResource& memory = host_memory());
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Takes another plan from the next step on, for a batch of another size. Throws Error{internal}
  /// when it needs more slots than the executor has.
  void set_plan(StepPlan plan);
  void set_schedule(schedule::Schedule order, int64_t num_microbatches);
  /// Microbatches of a step.
  int64_t num_microbatches() const { return plan_.num_microbatches(); }

  /// One step: zeroes the gradients, runs every task, adds up the gradients of replicas and joins
  /// them. The gradient is that of loss_scale times the mean that `mean` names, over all replicas.
  /// Returns the loss over this replica's tokens, on the rank with the head. A mean over tokens
  /// asks `source` for every microbatch once more, to count its tokens beforehand.
  model::LossSum run_step(MicrobatchSource& source, double loss_scale,
                          LossMean mean = LossMean::microbatches);
  /// As run_step, which then takes the loss of the model: on a GPU nothing waits for its end.
  void enqueue_step(MicrobatchSource& source, double loss_scale,
                    LossMean mean = LossMean::microbatches);

  /// Loss of the microbatches of a step of `source` without dropout or gradients, on the rank with
  /// the head. `plan` has the microbatches of the evaluation and needs no more slots than the
  /// executor has.
  model::LossSum evaluate(MicrobatchSource& source, const StepPlan& plan);
  model::LossSum evaluate(MicrobatchSource& source, int64_t num_microbatches);

  /// What this rank did in the last step, in microseconds since it began.
  const std::vector<schedule::CommitEntry>& log() const { return log_; }

  /// When that step began, in microseconds of a clock that the ranks of one machine share.
  double log_start() const { return log_start_; }

  /// Bytes of the activations of all slots.
  size_t activation_bytes() const { return stages_.activation_bytes(); }

 private:
  using Clock = std::chrono::steady_clock;

  void begin_step(int64_t num_microbatches, bool with_backward);
  void run_order(const StepInput& input);
  void run_policy(const StepInput& input);
  void run(const schedule::Task& task, const StepInput& input);
  void wait_for(const schedule::Task& task);
  /// Notes what has come from other ranks; tells state and policy where there are.
  void note_arrivals(schedule::RankState* state, schedule::Policy* policy);
  void update_rooms(schedule::RankState& state);
  void wait_for_change(const schedule::RankState& state, double until);
  double count_tokens(MicrobatchSource& source) const;
  void reduce_gradients();
  double now() const;
  const schedule::Schedule& order() const {
    return plan_.order.ranks[static_cast<size_t>(place_.rank)];
  }
  double& ready_at(const schedule::Task& task);
  void note_result(const schedule::Task& task, double time);
  void describe_wait(const std::string& text);

  model::RankModel* model_;
  PipelinePlace place_;
  StepPlan plan_;
  RankStages stages_;
  int64_t step_ = 0;
  int64_t step_microbatches_ = 0;  ///< of the step that runs
  Clock::time_point start_{};
  std::vector<schedule::CommitEntry> log_;
  double log_start_ = 0;
  std::vector<int64_t> noted_;    ///< [F, B][chunk]: messages of other ranks that were noted
  std::vector<double> ready_at_;  ///< [F, B, W][chunk][microbatch]: when its last input was there
  std::mutex waiting_mutex_;
  std::string waiting_;  ///< for reports of ranks that hang
};

}  // namespace weft::pipeline
