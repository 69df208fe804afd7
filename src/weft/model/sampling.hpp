#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weft::model {

/// How the next token is drawn from logits.
struct SamplingConfig {
  double temperature = 1.0;  ///< logits are divided by it; 0 takes the most likely token
  int64_t top_k = 0;         ///< only the k most likely tokens; 0: all
  double top_p = 1.0;        ///< only the most likely tokens that together have this probability
  uint64_t seed = 1234;

  /// Every violated rule, naming its flag.
  std::vector<std::string> validate() const;
};

/// Token for position `position` of a text: the draw depends on (seed, position) and the logits
/// alone. Equal logits are ordered by token id. Only the first `vocab_size` logits take part: the
/// rows that pad the vocabulary are no tokens.
int32_t sample_token(std::span<const float> logits, int64_t vocab_size,
                     const SamplingConfig& config, int64_t position);

}  // namespace weft::model
