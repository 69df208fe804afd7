#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace weft::data {

/// How often a split's sequences are visited to give the samples that were asked for
/// (reference/megatron.md 3.3).
struct EpochPlan {
  int64_t tokens_per_epoch = 0;
  int64_t num_epochs = 1;
  /// Whether the last epoch is shuffled apart from the others, because only a small part of it is
  /// needed.
  bool separate_last_epoch = false;
  int64_t samples_before_last_epoch = 0;
};

/// The plan for `num_samples` samples (nothing: one epoch) of `sequence_length` + `extra_token`
/// tokens.
EpochPlan plan_epochs(int64_t tokens_per_epoch, std::optional<int64_t> num_samples,
                      int64_t sequence_length, int64_t extra_token);

/// One row of the sample index: a sample starts at token `offset` of the sequence that
/// document_index[position] names.
using SampleStart = std::array<int32_t, 2>;

/// The three index arrays of a GPT dataset, bit for bit those that Megatron builds with NumPy.
struct GptIndex {
  std::vector<int32_t> document_index;    ///< sequence ids, one entry per visit
  std::vector<SampleStart> sample_index;  ///< one row per sample and a closing one
  std::vector<uint32_t> shuffle_index;    ///< sample k of the dataset is row shuffle_index[k]
};

/// What the arrays are built from.
struct GptIndexRequest {
  std::span<const int32_t> sequence_ids;  ///< the split's sequences
  std::span<const int32_t> lengths;       ///< tokens of each of them
  std::optional<int64_t> num_samples;
  int64_t sequence_length = 0;
  uint32_t seed = 0;
  bool drop_last_partial = true;  ///< off: the tokens that fill no whole sample make one more
  int64_t extra_token = 1;        ///< samples overlap by this many tokens (1: labels need one more)
};

/// What a request's arrays have in common whatever the seed.
struct GptIndexPlan {
  EpochPlan epochs;
  int64_t num_visits = 0;   ///< entries of the document index
  int64_t num_samples = 0;  ///< of the sample index, without the closing row
};

/// Sizes of the arrays (reference/megatron.md 3.3). Throws Error{data} when the split has too few
/// tokens for one sample or more visits than 32-bit indices count.
GptIndexPlan plan_gpt_index(const GptIndexRequest& request);

/// Builds the arrays (reference/megatron.md 3.3, 3.4). Throws as plan_gpt_index.
GptIndex build_gpt_index(const GptIndexRequest& request);

/// Throws Error{data} unless the arrays are ones that `request` gives with some seed: each sequence
/// visited once an epoch, samples cut at every sequence_length tokens, each shuffled once. Arrays
/// that pass hold no entry outside the data.
void check_gpt_index(const GptIndexRequest& request, std::span<const int32_t> document_index,
                     std::span<const SampleStart> sample_index,
                     std::span<const uint32_t> shuffle_index);

}  // namespace weft::data
