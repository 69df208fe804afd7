#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/device/compute_device.hpp"
#include "weft/train/train_config.hpp"

namespace weft::app {

/// The words after `weft bench train`, `gemm`, `kernels` or `pipeline`: flags of the benchmark's
/// own, and those of `weft pretrain`, which may leave out what only a real run needs.
struct BenchWords {
  train::TrainConfig config;           ///< its vocabulary size is known
  ComputeDevice device;                ///< --device
  int64_t steps = 5;                   ///< --steps
  bool breakdown = false;              ///< --breakdown
  std::vector<std::string> schedules;  ///< --schedules
  bool json = false;
  bool quiet = false;
  bool help = false;

  /// The GPU, or the processor with its threads and instruction set.
  std::string device_text() const;
};

/// Throws Error{usage} as `weft pretrain` does, and for a pipeline of several ranks.
BenchWords read_bench_words(std::vector<std::string> words);

/// The same for `weft bench pipeline`, which has defaults of its own and needs several ranks.
BenchWords read_pipeline_bench_words(std::vector<std::string> words);

/// The host's processor, for example "AMD EPYC 9B45, 2 cores".
std::string processor_text();

}  // namespace weft::app
