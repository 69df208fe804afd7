#pragma once

#include <cstdint>
#include <span>

#include "weft/kernels/dropout.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::model {

/// Sizes of every microbatch of a run.
struct MicrobatchShape {
  int64_t sequence = 0;  ///< S, tokens per sample
  int64_t samples = 0;   ///< B, samples per microbatch (--micro-batch-size)

  int64_t tokens() const { return sequence * samples; }
};

/// Input of one forward pass; the views need to live only during the call.
struct Microbatch {
  ConstTensorView tokens_BS;              ///< i64 ids
  ConstTensorView positions_BS;           ///< i64
  ConstTensorView labels_BS;              ///< i64 ids
  ConstTensorView loss_mask_BS;           ///< f32
  std::span<const int64_t> sample_ids_B;  ///< global sample indices: they select the dropout masks
  /// i64: the first position that attention sees from each; only with --reset-attention-mask
  ConstTensorView starts_BS = {};
};

/// What the layers know about the samples of a microbatch.
struct SampleTraits {
  std::span<const int64_t> ids_B;  ///< as Microbatch::sample_ids_B
  ConstTensorView starts_BS = {};  ///< as in Microbatch
};

/// Rates and seed of the dropout masks of one microbatch.
struct DropoutRates {
  double hidden = 0.0;
  double attention = 0.0;
  uint64_t seed = 0;

  /// Mask of a hidden-state site of layer `layer` (1-based; 0 is the embedding).
  kernels::Dropout at(int64_t layer, kernels::DropoutSite site,
                      std::span<const int64_t> sample_ids_B) const {
    const double rate = site == kernels::DropoutSite::attention ? attention : hidden;
    return {rate, seed, layer, site, sample_ids_B};
  }
};

/// Sum of the masked token losses of a microbatch and the number of tokens that count.
struct LossSum {
  double loss = 0.0;
  double tokens = 0.0;

  LossSum& operator+=(const LossSum& other) {
    loss += other.loss;
    tokens += other.tokens;
    return *this;
  }
  /// Mean loss per token; 0 when nothing counts.
  double mean() const { return tokens > 0.0 ? loss / tokens : 0.0; }
};

}  // namespace weft::model
