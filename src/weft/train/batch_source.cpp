#include "weft/train/batch_source.hpp"

#include <algorithm>
#include <span>

#include "weft/base/error.hpp"

namespace weft::train {

namespace {

void check_tokens(std::span<const int64_t> tokens, int64_t vocab_size, int64_t sample) {
  const auto unknown = std::ranges::find_if(
      tokens, [vocab_size](int64_t token) { return token < 0 || token >= vocab_size; });
  if (unknown == tokens.end()) return;
  fail_with_hint(ErrorKind::data, "--vocab-file and --merge-file of the data",
                 "sample {} holds token {}, the model's vocabulary has {}", sample, *unknown,
                 vocab_size);
}

}  // namespace

BatchSource::BatchSource(const data::Dataset& dataset, const data::SamplerConfig& sampler,
                         const model::MicrobatchShape& shape, const model::ModelConfig& model,
                         int64_t replica)
    : dataset_(&dataset),
      sampler_(sampler),
      replica_(replica),
      num_replicas_(sampler.data_parallel_size),
      shape_(shape),
      vocab_size_(model.vocab_size),
      tokens_BS_(static_cast<size_t>(shape.tokens())),
      positions_BS_(tokens_BS_.size()),
      starts_BS_(model.reset_attention_mask ? tokens_BS_.size() : 0),
      labels_BS_(tokens_BS_.size()),
      loss_mask_BS_(tokens_BS_.size()),
      sample_ids_B_(static_cast<size_t>(shape.samples)) {}

void BatchSource::prefetch(int64_t consumed_samples) {
  try {
    read(consumed_samples, 0);
    prefetched_ = consumed_samples;
  } catch (const Error&) {
    // Whoever asks for these samples is told; that nobody does is the end of the data.
    prefetched_ = -1;
  }
}

model::Microbatch BatchSource::microbatch(int64_t index) {
  const bool is_there = index == 0 && prefetched_ == consumed_samples_;
  prefetched_ = -1;
  if (!is_there) read(consumed_samples_, index);
  return view();
}

void BatchSource::read(int64_t consumed_samples, int64_t index) {
  const std::vector<int64_t> indices = sampler_.microbatch(consumed_samples, index, replica_);
  check(static_cast<int64_t>(indices.size()) == shape_.samples, ErrorKind::internal,
        "the sampler gave {} samples for a microbatch of {}", indices.size(), shape_.samples);
  const auto length = static_cast<size_t>(shape_.sequence);
  for (size_t b = 0; b < indices.size(); ++b) {
    // Masks follow the place in the run, not the dataset's index, so that epochs differ.
    sample_ids_B_[b] = consumed_samples + (index * num_replicas_ + replica_) * shape_.samples +
                       static_cast<int64_t>(b);
    const auto row = [&](auto& values) {
      return values.empty() ? std::span(values) : std::span(values).subspan(b * length, length);
    };
    dataset_->read(indices[b], {.tokens = row(tokens_BS_),
                                .labels = row(labels_BS_),
                                .positions = row(positions_BS_),
                                .loss_mask = row(loss_mask_BS_),
                                .starts = row(starts_BS_)});
    check_tokens(row(tokens_BS_), vocab_size_, indices[b]);
    check_tokens(row(labels_BS_), vocab_size_, indices[b]);
  }
}

model::Microbatch BatchSource::view() const {
  const Shape shape_BS{shape_.samples, shape_.sequence};
  ConstTensorView starts_BS;
  if (!starts_BS_.empty()) starts_BS = {starts_BS_.data(), DType::i64, shape_BS};
  return {.tokens_BS = {tokens_BS_.data(), DType::i64, shape_BS},
          .positions_BS = {positions_BS_.data(), DType::i64, shape_BS},
          .labels_BS = {labels_BS_.data(), DType::i64, shape_BS},
          .loss_mask_BS = {loss_mask_BS_.data(), DType::f32, shape_BS},
          .sample_ids_B = sample_ids_B_,
          .starts_BS = starts_BS};
}

}  // namespace weft::train
