#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "weft/schedule/commit_log.hpp"
#include "weft/schedule/policy.hpp"

namespace weft::schedule {

/// An order for every rank with the times at which its tasks would run if all estimates were exact.
/// Shared by the policies of all ranks.
class TimedPlan {
 public:
  /// Simulates `schedule` with the estimates that `graph` holds. Throws Error{usage} when the
  /// schedule cannot finish.
  TimedPlan(const Graph& graph, const PipelineSchedule& schedule);

  const std::vector<CommitEntry>& rank(int64_t rank) const {
    return log_.ranks[static_cast<size_t>(rank)];
  }
  const StageMap& stages() const { return log_.stages; }
  int64_t num_microbatches() const { return log_.num_microbatches; }
  double makespan() const { return log_.makespan(); }

 private:
  CommitLog log_;
};

/// When a task may run before its turn because the task whose turn it is waits for a message: if it
/// would end, but for the share alpha of its time, before that message is expected. With alpha 0
/// and exact estimates no task ever starts later than in the plan (reference/schedules.md 2.5,
/// Theorem 4); larger values bet that the message will be late.
struct FillRule {
  double alpha_weight = 0;  ///< of W, which no other rank waits for
  double alpha_other = 0;   ///< of F, B and D
  int64_t window = 64;      ///< plan entries that are looked at
};

/// Follows a plan. Strict without a fill rule: the next task of the plan or nothing. With one it
/// also fills gaps: with the first ready task of the window that keeps the rest of the plan
/// executable in order under the cap and satisfies the rule, or with any once the plan is late.
class PlanPolicy final : public Policy {
 public:
  PlanPolicy(std::shared_ptr<const TimedPlan> plan, int64_t rank, std::optional<FillRule> fill);

  Decision choose(const View& view) const override;
  void started(const Task& task, double time) override;
  void arrived(const Task& task, double time) override;

 private:
  size_t link(const Task& task) const;
  size_t position(const Task& task) const;
  double expected_ready(const CommitEntry& head) const;
  /// What to run while the head is not ready.
  struct Fill {
    std::optional<Task> task{};
    bool has_candidate = false;  ///< anything of the window is ready
  };
  Fill fill(const View& view, double head_ready, bool head_is_late) const;

  std::shared_ptr<const TimedPlan> plan_;
  const std::vector<CommitEntry>& entries_;
  std::optional<FillRule> fill_;
  std::vector<size_t> positions_;    ///< [F, B or D, W][chunk][microbatch] -> index in entries_
  std::vector<uint8_t> is_started_;  ///< [index in entries_]
  size_t cursor_ = 0;                ///< first entry that has not started
  std::vector<double> lateness_;     ///< [F, B][chunk]: of the last message, against the plan
};

}  // namespace weft::schedule
