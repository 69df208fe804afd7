#pragma once

#include <cstdint>

#include "weft/model/microbatch.hpp"

namespace weft::pipeline {

/// Where the executor gets its input: microbatch m of the step, by number and never by call order.
class MicrobatchSource {
 public:
  virtual ~MicrobatchSource() = default;
  /// Views that stay valid until the next call.
  virtual model::Microbatch microbatch(int64_t index) = 0;
};

/// Tokens that count: the sum of the mask.
inline double loss_tokens(const model::Microbatch& microbatch) {
  double tokens = 0.0;
  for (const float mask : microbatch.loss_mask_BS.span<float>()) tokens += double{mask};
  return tokens;
}

/// How the token losses of a step make the loss that is differentiated (reference/megatron.md 4.6).
enum class LossMean {
  microbatches,  ///< mean over microbatches of the mean over their tokens
  tokens,        ///< mean over all tokens of the step: --calculate-per-token-loss
};

}  // namespace weft::pipeline
