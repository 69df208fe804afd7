#include "weft/pipeline/executor.hpp"

#include <utility>

#include "weft/base/error.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::pipeline {

using schedule::Task;
using schedule::TaskKind;

namespace {

/// Tokens that count: the sum of the mask.
double loss_tokens(const model::Microbatch& microbatch) {
  double tokens = 0.0;
  for (const float mask : microbatch.loss_mask_BS.span<float>()) tokens += double{mask};
  return tokens;
}

}  // namespace

Executor::Executor(model::ModelChunk& chunk, schedule::Schedule schedule, int64_t num_microbatches,
                   MemoryResource& memory)
    : chunk_(&chunk) {
  const size_t num_slots = adopt(std::move(schedule), num_microbatches);
  memory_ = Buffer(num_slots * chunk.slot_bytes(), memory);
  Arena arena(memory_.data(), memory_.size_bytes());
  for (size_t i = 0; i < num_slots; ++i) slots_.push_back(chunk.make_slot(arena));
}

void Executor::set_schedule(schedule::Schedule schedule, int64_t num_microbatches) {
  const size_t num_slots = adopt(std::move(schedule), num_microbatches);
  check(num_slots <= slots_.size(), ErrorKind::internal,
        "the schedule holds {} microbatches at once, the executor has {} slots", num_slots,
        slots_.size());
}

// Makes `schedule` that of the next steps and returns how many slots it needs. Microbatches start
// and finish in order, so as many slots as are held at once suffice and a microbatch's slot follows
// from its number.
size_t Executor::adopt(schedule::Schedule schedule, int64_t num_microbatches) {
  const schedule::PipelineSchedule order{{}, num_microbatches, {schedule}};
  schedule::validate(order);
  check(!schedule::splits_backward(schedule) || chunk_->mode() == model::BackwardMode::split,
        ErrorKind::internal, "the schedule splits backward, the model chunk does not");
  schedule_ = std::move(schedule);
  num_microbatches_ = num_microbatches;
  return static_cast<size_t>(schedule::peak_charge(order).front());
}

double Executor::count_tokens(MicrobatchSource& source) const {
  double tokens = 0.0;
  for (int64_t m = 0; m < num_microbatches(); ++m) tokens += loss_tokens(source.microbatch(m));
  return tokens;
}

model::LossSum Executor::run_step(MicrobatchSource& source, double loss_scale, LossMean mean) {
  enqueue_step(source, loss_scale, mean);
  return chunk_->take_loss();
}

void Executor::enqueue_step(MicrobatchSource& source, double loss_scale, LossMean mean) {
  const double step_tokens = mean == LossMean::tokens ? count_tokens(source) : 0.0;
  // The chunk divides by the microbatch's own tokens.
  const auto share = [&](const model::Microbatch& microbatch) {
    if (mean == LossMean::microbatches) return 1.0 / static_cast<double>(num_microbatches());
    return step_tokens > 0.0 ? loss_tokens(microbatch) / step_tokens : 0.0;
  };
  chunk_->start_gradients();
  for (const Task& task : schedule_) {
    model::ActivationSlot& slot = slot_of(task.microbatch);
    switch (task.kind) {
      case TaskKind::forward: {
        const model::Microbatch microbatch = source.microbatch(task.microbatch);
        chunk_->enqueue_forward(slot, microbatch, loss_scale * share(microbatch));
        break;
      }
      case TaskKind::backward_input:
        chunk_->backward_input(slot);
        break;
      case TaskKind::backward_weight:
        chunk_->backward_weight(slot);
        break;
      case TaskKind::backward:
        chunk_->backward(slot);
        break;
    }
  }
  chunk_->finalize_gradients();
}

model::LossSum Executor::evaluate(MicrobatchSource& source, int64_t num_microbatches) {
  for (int64_t m = 0; m < num_microbatches; ++m) {
    chunk_->enqueue_evaluation(slots_.front(), source.microbatch(m));
  }
  return chunk_->take_loss();
}

}  // namespace weft::pipeline
