#pragma once

#include <cstdint>
#include <vector>

#include "weft/model/model_chunk.hpp"
#include "weft/schedule/task.hpp"

namespace weft::pipeline {

/// Where the executor gets its input: microbatch m of the step, by number and never by call order.
class MicrobatchSource {
 public:
  virtual ~MicrobatchSource() = default;
  /// Views that stay valid until the next call.
  virtual model::Microbatch microbatch(int64_t index) = 0;
};

/// How the token losses of a step make the loss that is differentiated (reference/megatron.md 4.6).
enum class LossMean {
  microbatches,  ///< mean over microbatches of the mean over their tokens
  tokens,        ///< mean over all tokens of the step: --calculate-per-token-loss
};

/// Runs a schedule of one rank on a model chunk. The activation slots of all microbatches that the
/// schedule holds at once are one planned block of memory, taken at construction.
class Executor {
 public:
  /// `chunk` outlives the executor. Throws Error{usage} when the schedule is not complete for
  /// `num_microbatches` and Error{device} when its memory cannot be had.
  Executor(model::ModelChunk& chunk, schedule::Schedule schedule, int64_t num_microbatches,
           MemoryResource& memory = host_memory());

  /// Takes another schedule from the next step on, for a batch of another size. Throws as the
  /// constructor does, and Error{internal} when it holds more microbatches at once than the
  /// executor has slots for.
  void set_schedule(schedule::Schedule schedule, int64_t num_microbatches);
  /// Microbatches of a step.
  int64_t num_microbatches() const { return num_microbatches_; }

  /// One step: zeroes the gradients, runs every task, joins the gradients. The gradient is that of
  /// loss_scale times the mean that `mean` names. Returns the loss over all tokens. A mean over
  /// tokens asks `source` for every microbatch once more, to count its tokens beforehand.
  model::LossSum run_step(MicrobatchSource& source, double loss_scale,
                          LossMean mean = LossMean::microbatches);
  /// As run_step, which then takes the loss of the chunk: on a GPU nothing waits for its end.
  void enqueue_step(MicrobatchSource& source, double loss_scale,
                    LossMean mean = LossMean::microbatches);

  /// Loss of `num_microbatches` microbatches of `source` without dropout or gradients.
  model::LossSum evaluate(MicrobatchSource& source, int64_t num_microbatches);

  /// Bytes of all slots.
  size_t activation_bytes() const { return memory_.size_bytes(); }

 private:
  size_t adopt(schedule::Schedule schedule, int64_t num_microbatches);
  double count_tokens(MicrobatchSource& source) const;
  model::ActivationSlot& slot_of(int64_t microbatch) {
    return slots_[static_cast<size_t>(microbatch) % slots_.size()];
  }

  model::ModelChunk* chunk_;
  schedule::Schedule schedule_;
  int64_t num_microbatches_ = 0;
  Buffer memory_;
  std::vector<model::ActivationSlot> slots_;  ///< microbatch m uses slot m mod size
};

}  // namespace weft::pipeline
