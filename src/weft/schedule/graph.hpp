#pragma once

#include <cstdint>
#include <vector>

#include "weft/schedule/stage_map.hpp"
#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// The work of one training step as a graph: which tasks there are, what they wait for, how long
/// they take and what they hold in memory (reference/schedules.md A.1).
///
///   F(s, m) needs F(s-1, m). B(s, m) and D(s, m) need F(s, m) and B or D(s+1, m).
///   W(s, m) needs B(s, m). D is B and W as one task and sends its gradient at its end.
///   A result that crosses ranks arrives `latency` after the task that made it.
///   F(s, m) takes `charge(s)` of memory from its start to the end of W(s, m) or D(s, m).
///
/// Times are in any one unit, memory in any one unit (bytes of a training run, atoms of a simulated
/// one). s is the stage in layer order, m the microbatch.
class Graph {
 public:
  /// All durations and latencies 0, all charges 1.
  Graph(StageMap stages, int64_t num_microbatches, bool splits_backward);

  const StageMap& stages() const { return stages_; }
  int64_t num_microbatches() const { return num_microbatches_; }
  /// Whether a policy that builds an order from this graph runs B and W, or D.
  bool splits_backward() const { return splits_backward_; }
  int64_t num_tasks() const;

  /// Of D: the sum of B and W.
  double duration(TaskKind kind, int64_t stage, int64_t microbatch) const;
  void set_duration(TaskKind kind, int64_t stage, int64_t microbatch, double duration);

  /// Time from the end of F(stage-1, m) to its arrival at `stage`; 0 inside a rank.
  double forward_latency(int64_t stage, int64_t microbatch) const {
    return forward_latency_[at(stage, microbatch)];
  }
  /// Time from the end of B or D(stage+1, m) to its arrival at `stage`; 0 inside a rank.
  double backward_latency(int64_t stage, int64_t microbatch) const {
    return backward_latency_[at(stage, microbatch)];
  }
  /// Sets the latency of what arrives at `stage`, unless it comes from the same rank.
  void set_forward_latency(int64_t stage, int64_t microbatch, double latency);
  void set_backward_latency(int64_t stage, int64_t microbatch, double latency);

  /// Memory that one microbatch holds on a stage. The largest that it may hold, so that B never
  /// adds to it (design: banker in bytes).
  int64_t charge(int64_t stage) const { return charge_[static_cast<size_t>(stage)]; }
  void set_charge(int64_t stage, int64_t charge);
  /// Sum of the charges of a rank's stages: the least cap under which a step can end.
  int64_t least_cap(int64_t rank) const;

  /// Sum of the durations of all tasks of a rank.
  double work(int64_t rank) const;

 private:
  size_t at(int64_t stage, int64_t microbatch) const {
    return static_cast<size_t>(stage * num_microbatches_ + microbatch);
  }

  StageMap stages_;
  int64_t num_microbatches_;
  bool splits_backward_;
  std::vector<double> forward_;          ///< [stage][microbatch]
  std::vector<double> backward_input_;   ///< [stage][microbatch]
  std::vector<double> backward_weight_;  ///< [stage][microbatch]
  std::vector<double> forward_latency_;
  std::vector<double> backward_latency_;
  std::vector<int64_t> charge_;  ///< [stage]
};

}  // namespace weft::schedule
