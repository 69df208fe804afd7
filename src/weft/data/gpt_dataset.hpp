#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/data/dataset.hpp"
#include "weft/data/gpt_index_store.hpp"
#include "weft/data/sequence_source.hpp"

namespace weft::data {

/// How samples are cut and masked.
struct SampleRules {
  int64_t sequence_length = 0;
  bool reset_position_ids = false;
  bool eod_mask_loss = false;
  int64_t eod = -1;
};

/// Samples of sequence_length + 1 tokens, cut from the shuffled sequences of one split
/// (reference/megatron.md 3.5).
class GptDataset final : public Dataset {
 public:
  GptDataset(std::shared_ptr<const SequenceSource> source, GptIndexStore index, SampleRules rules);

  int64_t size() const override { return static_cast<int64_t>(index_.shuffle_index().size()); }
  void read(int64_t index, const SampleView& out) const override;
  std::vector<SampleSpan> spans(int64_t index) const override;

 private:
  template <typename Visit>
  void for_each_span(int64_t index, const Visit& visit) const;

  std::shared_ptr<const SequenceSource> source_;
  GptIndexStore index_;
  SampleRules rules_;
};

/// Fills positions, loss mask and, if asked for, document starts of a sample from its tokens (the
/// first `num_known` of S + 1 are data, the rest is padding).
void finish_sample(const SampleRules& rules, int64_t num_known, const SampleView& out);

}  // namespace weft::data
