#include "weft/schedule/rank_order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace weft::schedule {

namespace {

bool makes_input_gradient(TaskKind kind) {
  return kind == TaskKind::backward_input || kind == TaskKind::backward;
}

bool makes_weight_gradient(TaskKind kind) {
  return kind == TaskKind::backward_weight || kind == TaskKind::backward;
}

/// Whether two tasks of one (stage, microbatch) do the same work in part.
bool overlap(TaskKind a, TaskKind b) {
  return a == b || (makes_input_gradient(a) && makes_input_gradient(b)) ||
         (makes_weight_gradient(a) && makes_weight_gradient(b));
}

class OrderCheck {
 public:
  OrderCheck(const PipelineSchedule& schedule, int64_t rank, const FaultWords& words)
      : stages_(schedule.stages),
        num_microbatches_(schedule.num_microbatches),
        rank_(rank),
        order_(schedule.ranks[static_cast<size_t>(rank)]),
        words_(words) {}

  std::optional<std::string> run() {
    if (stages_.num_chunks > static_cast<int64_t>(order_.size())) {
      return fmt::format("{} tasks cannot fill {} chunks", order_.size(), stages_.num_chunks);
    }
    done_.resize(static_cast<size_t>(stages_.num_chunks));
    for (const Task& task : order_) {
      if (auto fault = fault_of_range(task)) return fault;
      if (auto fault = fault_of(task)) return fault;
      Done& done = done_[static_cast<size_t>(task.chunk)];
      if (task.kind == TaskKind::forward) ++done.forwards;
      if (makes_input_gradient(task.kind)) ++done.inputs;
      if (makes_weight_gradient(task.kind)) ++done.weights;
    }
    return fault_of_end();
  }

 private:
  /// Microbatches that have been through one chunk, by what was done for them.
  struct Done {
    int64_t forwards = 0;
    int64_t inputs = 0;
    int64_t weights = 0;
  };

  std::optional<std::string> fault_of_range(const Task& task) const {
    if (task.chunk < 0 || task.chunk >= stages_.num_chunks) {
      return fmt::format("{} has chunk {}, expected 0 to {}", to_string(task), task.chunk,
                         stages_.num_chunks - 1);
    }
    if (task.microbatch < 0 || task.microbatch >= num_microbatches_) {
      return fmt::format("{} has microbatch {}, expected 0 to {}", to_string(task), task.microbatch,
                         num_microbatches_ - 1);
    }
    return {};
  }

  /// Why `task` may not come after what has been counted.
  std::optional<std::string> fault_of(const Task& task) const {
    const Done& done = done_[static_cast<size_t>(task.chunk)];
    const int64_t microbatch = task.microbatch;
    if (task.kind == TaskKind::forward) {
      if (microbatch < done.forwards) return repeated(task);
      if (microbatch > done.forwards) return blocked(task, TaskKind::forward, done.forwards);
      return {};
    }
    if (makes_input_gradient(task.kind)) {
      if (microbatch < done.inputs) return repeated(task);
      if (microbatch > done.inputs) return blocked(task, TaskKind::backward, done.inputs);
      if (microbatch >= done.forwards) return blocked(task, TaskKind::forward, microbatch);
    }
    if (makes_weight_gradient(task.kind)) {
      if (microbatch < done.weights) return repeated(task);
      const bool has_input = task.kind == TaskKind::backward || microbatch < done.inputs;
      if (!has_input) return blocked(task, TaskKind::backward_input, microbatch);
      if (microbatch > done.weights) return blocked(task, TaskKind::backward_weight, done.weights);
    }
    return {};
  }

  std::optional<std::string> fault_of_end() const {
    for (int64_t chunk = 0; chunk < stages_.num_chunks; ++chunk) {
      const Done& done = done_[static_cast<size_t>(chunk)];
      const int64_t all = num_microbatches_;
      if (done.forwards < all) return missing({TaskKind::forward, chunk, done.forwards});
      if (done.inputs < all) return missing({TaskKind::backward, chunk, done.inputs});
      if (done.weights < all) return missing({TaskKind::backward_weight, chunk, done.weights});
    }
    return {};
  }

  std::string repeated(const Task& task) const {
    const auto first = std::ranges::find_if(order_, [&](const Task& other) {
      return other.chunk == task.chunk && other.microbatch == task.microbatch &&
             overlap(other.kind, task.kind);
    });
    if (first->kind == task.kind) return fmt::format("{} comes twice", text(task));
    return fmt::format("{} repeats work of {}", text(task), text(*first));
  }

  /// `task` needs `kind` of `microbatch` (D: B as well) on its stage.
  std::string blocked(const Task& task, TaskKind kind, int64_t microbatch) const {
    const auto later = std::ranges::find_if(order_, [&](const Task& other) {
      const bool fits =
          kind == TaskKind::backward ? makes_input_gradient(other.kind) : other.kind == kind;
      return fits && other.chunk == task.chunk && other.microbatch == microbatch;
    });
    if (later == order_.end()) return missing({kind, task.chunk, microbatch});
    return fmt::format(
        "{} comes before {}{}", text(task), text(*later),
        microbatch == task.microbatch ? "" : "; a stage runs its microbatches in ascending order");
  }

  std::string missing(const Task& task) const {
    if (task.kind != TaskKind::backward) return fmt::format("{} is missing", text(task));
    return fmt::format("{} (or {} and {}) is missing", text(task),
                       text({TaskKind::backward_input, task.chunk, task.microbatch}),
                       text({TaskKind::backward_weight, task.chunk, task.microbatch}));
  }

  std::string text(const Task& task) const {
    return words_.task(stages_.stage_of(rank_, task.chunk), task);
  }

  const StageMap& stages_;
  int64_t num_microbatches_;
  int64_t rank_;
  const Schedule& order_;
  const FaultWords& words_;
  std::vector<Done> done_;  ///< [chunk]
};

}  // namespace

std::optional<std::string> find_order_fault(const PipelineSchedule& schedule, int64_t rank,
                                            const FaultWords& words) {
  auto fault = OrderCheck(schedule, rank, words).run();
  if (fault) fault = fmt::format("{}: {}", words.place(rank), *fault);
  return fault;
}

}  // namespace weft::schedule
