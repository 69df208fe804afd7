#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/train/train_config.hpp"

namespace weft::train {

/// Bytes that a rank holds from the first step to the last, known before any of it is taken.
struct MemoryPlan {
  int64_t parameter_bytes = 0;  ///< the model's values and, beside 16-bit ones, fp32 main values
  int64_t gradient_bytes = 0;
  int64_t optimizer_bytes = 0;
  int64_t activation_bytes = 0;  ///< of all microbatches in flight
  int64_t workspace_bytes = 0;   ///< scratch of layers, head and kernels
  int64_t buffer_bytes = 0;      ///< of what travels between stages; in memory that others reach

  /// All but the buffers: one block.
  int64_t block() const {
    return parameter_bytes + gradient_bytes + optimizer_bytes + activation_bytes + workspace_bytes;
  }
  int64_t total() const { return block() + buffer_bytes; }
  MemoryPlan& operator+=(const MemoryPlan& other);
};

/// The plan of a pipeline rank of `config`, whose vocabulary size is known, for the device of
/// `stream`, on the calling thread's number of threads (kernels::set_num_threads).
MemoryPlan plan_memory(const TrainConfig& config, const Stream& stream = Stream(),
                       int64_t pipeline_rank = 0);

/// The plan as one console line in MB.
std::string memory_plan_line(const MemoryPlan& plan);

/// Throws Error{device}, naming the flags that help, when the plan exceeds the `available_bytes` of
/// `owner`, for example "this machine".
void check_fits(const MemoryPlan& plan, int64_t available_bytes,
                const std::string& owner = "this machine");

}  // namespace weft::train
