#include "weft/data/sampler.hpp"

#include "weft/base/error.hpp"
#include "weft/base/mt19937.hpp"

namespace weft::data {

Sampler::Sampler(const SamplerConfig& config) : config_(config) {
  check(config.type == "single" || config.type == "cyclic", ErrorKind::usage,
        "--dataloader-type is {} (expected single or cyclic)", config.type);
  check(config.total_samples > 0, ErrorKind::data, "no sample to consume: {}",
        config.total_samples);
  check(config.micro_batch_size > 0 && config.data_parallel_size > 0, ErrorKind::usage,
        "--micro-batch-size {} and data-parallel size {} must be positive", config.micro_batch_size,
        config.data_parallel_size);
}

std::vector<int64_t> Sampler::microbatch(int64_t consumed, int64_t microbatch,
                                         int64_t data_parallel_rank) const {
  check(data_parallel_rank >= 0 && data_parallel_rank < config_.data_parallel_size,
        ErrorKind::internal, "data_parallel_rank should be smaller than data size: {}, {}",
        data_parallel_rank, config_.data_parallel_size);
  const int64_t block = config_.micro_batch_size * config_.data_parallel_size;
  const int64_t start = consumed + microbatch * block;
  return config_.type == "single" ? sequential(start, data_parallel_rank)
                                  : shuffled(start, data_parallel_rank);
}

std::vector<int64_t> Sampler::sequential(int64_t start, int64_t data_parallel_rank) const {
  const int64_t block = config_.micro_batch_size * config_.data_parallel_size;
  if (start + block > config_.total_samples) {
    fail_with_hint(ErrorKind::data,
                   "fewer --train-iters or --eval-iters, or --dataloader-type cyclic",
                   "no samples left to consume: {}, {}", start, config_.total_samples);
  }
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < config_.micro_batch_size; ++i) {
    indices.push_back(start + data_parallel_rank * config_.micro_batch_size + i);
  }
  return indices;
}

std::vector<int64_t> Sampler::shuffled(int64_t start, int64_t data_parallel_rank) const {
  const int64_t micro = config_.micro_batch_size;
  const int64_t block = micro * config_.data_parallel_size;
  const int64_t active = config_.total_samples - config_.total_samples % block;
  if (active == 0) {
    fail_with_hint(ErrorKind::data, "a smaller --micro-batch-size",
                   "{} samples do not fill one microbatch of {} on every data-parallel rank",
                   config_.total_samples, micro);
  }
  const int64_t epoch = start / active;
  const int64_t in_epoch = start % active;
  check(in_epoch % block == 0, ErrorKind::data,
        "the cyclic sampler cannot start at sample {}: it is no multiple of {}", start, block);
  const bool sharded = config_.data_sharding;
  const int64_t bucket =
      sharded ? config_.total_samples / block * micro : config_.total_samples / micro * micro;
  const std::vector<int64_t>& order = permutation(epoch, bucket);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < micro; ++i) {
    const int64_t at = sharded ? in_epoch / config_.data_parallel_size + i
                               : in_epoch + i * config_.data_parallel_size + data_parallel_rank;
    check(at < bucket, ErrorKind::internal, "place {} in an epoch of {}", at, bucket);
    indices.push_back(order[static_cast<size_t>(at)] + (sharded ? data_parallel_rank * bucket : 0));
  }
  return indices;
}

const std::vector<int64_t>& Sampler::permutation(int64_t epoch, int64_t size) const {
  if (epoch != epoch_) {
    permutation_ = torch_randperm(size, static_cast<uint32_t>(epoch));
    epoch_ = epoch;
  }
  return permutation_;
}

}  // namespace weft::data
