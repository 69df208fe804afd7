#include "weft/train/batch_schedule.hpp"

#include <algorithm>

#include "weft/optim/schedule.hpp"

namespace weft::train {

BatchSchedule::BatchSchedule(int64_t global_batch_size, int64_t unit, std::optional<BatchRamp> ramp)
    : global_batch_size_(global_batch_size), unit_(unit) {
  if (!ramp || ramp->samples == 0 || ramp->start == global_batch_size) return;
  ramp_ = ramp;
  const int64_t steps = (global_batch_size - ramp->start) / ramp->increment;
  samples_per_step_ = static_cast<double>(ramp->samples) / static_cast<double>(steps);
}

BatchSize BatchSchedule::at(int64_t consumed_samples) const {
  if (!ramp_ || consumed_samples > ramp_->samples) return full();
  return rounded(ramp_->start + step_at(consumed_samples) * ramp_->increment);
}

std::vector<int64_t> BatchSchedule::sizes() const {
  std::vector<int64_t> sizes;
  if (ramp_) {
    for (int64_t asked = ramp_->start; asked < global_batch_size_; asked += ramp_->increment) {
      const int64_t run = rounded(asked).run;
      if (run > 0 && (sizes.empty() || sizes.back() != run)) sizes.push_back(run);
    }
  }
  if (sizes.empty() || sizes.back() != full().run) sizes.push_back(full().run);
  return sizes;
}

TrainLength BatchSchedule::length(int64_t train_samples) const {
  TrainLength length;
  const int64_t ramp_end = ramp_ ? std::min(ramp_->samples, train_samples) : -1;
  while (length.samples <= ramp_end) {
    const int64_t batch = at(length.samples).asked;
    // Iterations that surely start within the same step are counted at once: a ramp may be long.
    const double end =
        std::min(step_end(step_at(length.samples)), static_cast<double>(ramp_end) + 1.0);
    const auto left = static_cast<int64_t>(end) - length.samples;
    const int64_t iterations = std::max<int64_t>(1, left / batch - 1);
    length.iterations += iterations;
    length.samples += iterations * batch;
  }
  if (train_samples <= length.samples) return length;
  const int64_t iterations =
      optim::train_iters_from_samples(train_samples - length.samples, global_batch_size_);
  return {length.iterations + iterations, length.samples + iterations * global_batch_size_};
}

// The quotient as Megatron takes it, in double precision: where the samples do not divide evenly
// the rounding decides when the batch grows.
int64_t BatchSchedule::step_at(int64_t consumed_samples) const {
  return static_cast<int64_t>(static_cast<double>(consumed_samples) / samples_per_step_);
}

double BatchSchedule::step_end(int64_t step) const {
  return static_cast<double>(step + 1) * samples_per_step_;
}

}  // namespace weft::train
