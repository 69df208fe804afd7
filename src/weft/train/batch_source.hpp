#pragma once

#include <cstdint>
#include <vector>

#include "weft/data/dataset.hpp"
#include "weft/data/sampler.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/pipeline/executor.hpp"

namespace weft::train {

/// Microbatches of a dataset for the executor: microbatch m of an iteration is fetched by number,
/// from the number of samples consumed before the iteration.
class BatchSource final : public pipeline::MicrobatchSource {
 public:
  /// `dataset` outlives the source. `model` bounds the token ids and says whether its attention
  /// keeps documents apart. `replica` of the sampler's data-parallel ranks.
  BatchSource(const data::Dataset& dataset, const data::SamplerConfig& sampler,
              const model::MicrobatchShape& shape, const model::ModelConfig& model,
              int64_t replica = 0);

  /// Sets where the next iteration starts.
  void start_iteration(int64_t consumed_samples) { consumed_samples_ = consumed_samples; }
  /// Reads the first microbatch of an iteration that starts there, for when it is asked for: what
  /// runs beside the host does not wait for data then. Does nothing where the samples have run out.
  void prefetch(int64_t consumed_samples);

  /// Throws Error{data} when the samples have run out or hold a token that the model does not know.
  model::Microbatch microbatch(int64_t index) override;

 private:
  model::Microbatch view() const;
  void read(int64_t consumed_samples, int64_t index);

  const data::Dataset* dataset_;
  data::Sampler sampler_;
  int64_t replica_;
  int64_t num_replicas_;
  model::MicrobatchShape shape_;
  int64_t vocab_size_;
  int64_t consumed_samples_ = 0;
  int64_t prefetched_ = -1;  ///< first sample of the microbatch that was read ahead
  std::vector<int64_t> tokens_BS_;
  std::vector<int64_t> positions_BS_;
  std::vector<int64_t> starts_BS_;  ///< empty unless documents are kept apart
  std::vector<int64_t> labels_BS_;
  std::vector<float> loss_mask_BS_;
  std::vector<int64_t> sample_ids_B_;
};

}  // namespace weft::train
