#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace weft::train {

/// --rampup-batch-size: the batch grows from `start` to the global batch in steps of `increment`,
/// spread evenly over the first `samples` samples.
struct BatchRamp {
  int64_t start = 0;
  int64_t increment = 0;
  int64_t samples = 0;
};

/// Samples of one iteration.
struct BatchSize {
  int64_t asked = 0;  ///< what the flags say
  int64_t run = 0;    ///< the same rounded down to whole microbatches of every replica
};

/// Iterations of a run and the samples that the flags ask for in them.
struct TrainLength {
  int64_t iterations = 0;
  int64_t samples = 0;
};

/// The batch size as a function of the consumed samples, and of nothing else: a resumed run goes on
/// in the middle of a ramp (reference/megatron.md 6.5).
class BatchSchedule {
 public:
  /// `unit` is micro batch * replicas.
  BatchSchedule(int64_t global_batch_size, int64_t unit, std::optional<BatchRamp> ramp = {});

  /// Batch of the iteration that starts after `consumed_samples`.
  BatchSize at(int64_t consumed_samples) const;
  /// Batch after the ramp; evaluations always use it.
  BatchSize full() const { return rounded(global_batch_size_); }
  /// Every size that an iteration can have, ascending: what runs in them is BatchSize::run.
  std::vector<int64_t> sizes() const;
  /// Length of a run of `train_samples` samples. As in Megatron, the ramp's last iteration may ask
  /// for more samples than that, and what fills no whole batch after the ramp is left out.
  TrainLength length(int64_t train_samples) const;

 private:
  /// Consumed samples after which the ramp's step `step` ends.
  double step_end(int64_t step) const;
  int64_t step_at(int64_t consumed_samples) const;
  BatchSize rounded(int64_t asked) const { return {asked, asked - asked % unit_}; }

  int64_t global_batch_size_;
  int64_t unit_;
  std::optional<BatchRamp> ramp_;  ///< empty when there is nothing to grow
  double samples_per_step_ = 0.0;
};

}  // namespace weft::train
