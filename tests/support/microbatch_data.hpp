#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "weft/base/philox.hpp"
#include "weft/model/microbatch.hpp"

namespace weft::testing {

/// Owner of a microbatch's arrays.
struct MicrobatchData {
  explicit MicrobatchData(const model::MicrobatchShape& microbatch_shape)
      : shape(microbatch_shape),
        tokens(static_cast<size_t>(shape.tokens())),
        positions(tokens.size()),
        labels(tokens.size()),
        loss_mask(tokens.size(), 1.0F),
        sample_ids(static_cast<size_t>(shape.samples)) {
    std::iota(sample_ids.begin(), sample_ids.end(), 0);
  }

  void set(int64_t sample, int64_t position, int64_t token, int64_t label) {
    const auto i = static_cast<size_t>(sample * shape.sequence + position);
    tokens[i] = token;
    positions[i] = position;
    labels[i] = label;
  }

  /// Gives every sample documents that end at `ends`.
  void set_documents(const std::vector<int64_t>& ends) {
    starts.clear();
    for (int64_t b = 0; b < shape.samples; ++b) {
      int64_t start = 0;
      for (int64_t s = 0; s < shape.sequence; ++s) {
        starts.push_back(start);
        positions[static_cast<size_t>(b * shape.sequence + s)] = s - start;
        if (std::ranges::find(ends, s) != ends.end()) start = s + 1;
      }
    }
  }

  model::Microbatch view() const {
    const Shape shape_BS{shape.samples, shape.sequence};
    ConstTensorView starts_BS;
    if (!starts.empty()) starts_BS = {starts.data(), DType::i64, shape_BS};
    return {.tokens_BS = {tokens.data(), DType::i64, shape_BS},
            .positions_BS = {positions.data(), DType::i64, shape_BS},
            .labels_BS = {labels.data(), DType::i64, shape_BS},
            .loss_mask_BS = {loss_mask.data(), DType::f32, shape_BS},
            .sample_ids_B = sample_ids,
            .starts_BS = starts_BS};
  }

  model::MicrobatchShape shape;
  std::vector<int64_t> tokens;
  std::vector<int64_t> positions;
  std::vector<int64_t> labels;
  std::vector<int64_t> starts;  ///< empty: one document
  std::vector<float> loss_mask;
  std::vector<int64_t> sample_ids;
};

/// A microbatch of pseudo-random tokens below `vocab_size`.
inline MicrobatchData random_microbatch(const model::MicrobatchShape& shape, int64_t vocab_size,
                                        uint64_t seed) {
  MicrobatchData data(shape);
  const philox::Key key = philox::indexed_key(seed, 1, 2);
  const auto token = [&](int64_t sample, int64_t position) {
    const auto index = static_cast<uint64_t>(sample * (shape.sequence + 1) + position);
    const uint32_t word = philox::generate(key, philox::counter(index, 0)).word[0];
    return static_cast<int64_t>(word % static_cast<uint32_t>(vocab_size));
  };
  for (int64_t b = 0; b < shape.samples; ++b) {
    for (int64_t s = 0; s < shape.sequence; ++s) data.set(b, s, token(b, s), token(b, s + 1));
  }
  return data;
}

}  // namespace weft::testing
