#pragma once

#include <cstdint>
#include <vector>

#include "weft/model/microbatch.hpp"
#include "weft/model/output_head.hpp"
#include "weft/model/transformer_layer.hpp"

namespace weft::model {

/// Whether the two parts of backward run together, layer by layer (D), or apart (B, then W).
/// Together they share the gradient tensors of one layer; apart every layer keeps its own.
enum class BackwardMode : uint8_t { fused, split };

/// Everything one microbatch holds from its forward to the end of its backward in one chunk. Views
/// into an arena that the caller owns; made by ModelChunk::make_slot. What a recomputing chunk does
/// not keep are views into its scratch. What a chunk without the embedding or the head lacks is
/// empty; input, output and gradient are then the caller's to set (ModelChunk).
struct ActivationSlot {
  TensorView tokens_BS;     ///< i64, copied from the microbatch: embedding gradients need it
  TensorView positions_BS;  ///< i64
  TensorView starts_BS;     ///< i64; empty without --reset-attention-mask
  TensorView labels_T;      ///< i64 in token order [S, B]
  TensorView mask_T;        ///< f32: whether a token's loss counts
  TensorView dloss_T;       ///< f32: weight of each token's loss in the step's loss
  TensorView input_TH;      ///< input of the first layer, residual type
  std::vector<TransformerLayer::Activations> layers;
  std::vector<TransformerLayer::Gradients> gradients;  ///< one, or one per layer when split
  TensorView output_TH;  ///< what the next chunk gets; empty with the head
  OutputHead::Activations head;
  TensorView dx_TH;          ///< gradient of the residual stream, from output to input
  TensorView sample_ids_B;   ///< i64, global sample indices: they select the dropout masks
  double loss_tokens = 0.0;  ///< sum of the loss mask

  SampleTraits samples() const {
    return {.ids_B = sample_ids_B.span<int64_t>(), .starts_BS = starts_BS};
  }
};

}  // namespace weft::model
