#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "weft/kernels/attention.hpp"
#include "weft/model/embedding.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/output_head.hpp"
#include "weft/model/parameter.hpp"
#include "weft/model/rotary_embedding.hpp"
#include "weft/model/transformer_layer.hpp"

namespace weft::model {

/// Next-token logits of one growing sequence, with a key/value cache per layer so that each new
/// token costs one token's work.
class Generator {
 public:
  /// `parameters` outlives the generator, as `memory` does, which is that of the stream's device.
  Generator(Stream& stream, const ModelConfig& config, ParameterSet& parameters,
            MemoryResource& memory = host_memory());
  ~Generator();

  /// Appends `tokens` to the sequence and returns the logits [V] that follow the last one; they
  /// stay valid until the next call. Throws Error{usage} when the sequence would outgrow the
  /// positions of the model (--max-position-embeddings) or a token is not in the vocabulary.
  std::span<const float> append(std::span<const int32_t> tokens);
  /// Tokens in the sequence so far.
  int64_t length() const { return length_; }
  /// Longest sequence that the model has positions for.
  int64_t capacity() const { return config_.max_position_embeddings; }

 private:
  struct Pass;  ///< plans and activations for a fixed number of new tokens

  Stream& stream_;
  ModelConfig config_;
  ParameterSet& parameters_;
  MemoryResource& memory_;
  RotaryEmbedding rotary_;
  Buffer cache_memory_;
  std::vector<kernels::KeyValueCache> caches_;
  std::unique_ptr<Pass> single_token_;
  std::unique_ptr<Pass> prompt_;
  std::vector<float> logits_V_;
  int64_t length_ = 0;
};

}  // namespace weft::model
