#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/kernels/activation.hpp"
#include "weft/tensor/dtype.hpp"

namespace weft::model {

/// Sizes and options of a GPT (reference/megatron.md 4). Field names are Megatron's flags.
struct ModelConfig {
  int64_t num_layers = 0;               ///< --num-layers
  int64_t hidden_size = 0;              ///< --hidden-size
  int64_t ffn_hidden_size = 0;          ///< --ffn-hidden-size, default 4 * hidden_size
  int64_t num_attention_heads = 0;      ///< --num-attention-heads
  int64_t kv_channels = 0;              ///< --kv-channels, default hidden_size / heads
  int64_t vocab_size = 0;               ///< padded vocabulary: rows of the word embedding
  int64_t max_position_embeddings = 0;  ///< --max-position-embeddings
  float norm_epsilon = 1e-5F;           ///< --norm-epsilon
  kernels::Activation activation = kernels::Activation::gelu_tanh;
  bool tied_embeddings = true;     ///< off with --untie-embeddings-and-output-weights
  double hidden_dropout = 0.1;     ///< --hidden-dropout
  double attention_dropout = 0.1;  ///< --attention-dropout
  double init_method_std = 0.02;   ///< --init-method-std
  DType dtype = DType::f32;

  /// Every violated rule, as sentences that name the flag; empty when the model can be built.
  std::vector<std::string> validate() const;
  /// Parameters of the whole model.
  int64_t num_parameters() const;
};

}  // namespace weft::model
