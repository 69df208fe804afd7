#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::data {

/// How global sample indices are dealt to microbatches (reference/megatron.md 3.9).
struct SamplerConfig {
  std::string type = "single";  ///< --dataloader-type: single or cyclic
  int64_t total_samples = 0;
  int64_t micro_batch_size = 1;
  int64_t data_parallel_size = 1;
  bool data_sharding = true;  ///< off with --no-data-sharding (cyclic only)
};

/// A pure function from (consumed samples, microbatch, data-parallel rank) to dataset indices. It
/// remembers the last epoch's permutation, so one sampler belongs to one thread.
class Sampler {
 public:
  /// Throws Error{data} when there is no sample to consume.
  explicit Sampler(const SamplerConfig& config);

  /// Dataset indices of microbatch `microbatch` (0-based) of an iteration that starts after
  /// `consumed` samples, on `data_parallel_rank`. Throws Error{data} when the samples have run out.
  std::vector<int64_t> microbatch(int64_t consumed, int64_t microbatch,
                                  int64_t data_parallel_rank) const;

 private:
  std::vector<int64_t> sequential(int64_t start, int64_t data_parallel_rank) const;
  std::vector<int64_t> shuffled(int64_t start, int64_t data_parallel_rank) const;
  const std::vector<int64_t>& permutation(int64_t epoch, int64_t size) const;

  SamplerConfig config_;
  mutable int64_t epoch_ = -1;  ///< of permutation_
  mutable std::vector<int64_t> permutation_;
};

}  // namespace weft::data
