#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/kernels/activation.hpp"
#include "weft/kernels/head_layout.hpp"
#include "weft/model/recompute.hpp"
#include "weft/model/rotary_config.hpp"
#include "weft/tensor/dtype.hpp"

namespace weft::model {

enum class Normalization : uint8_t { layer_norm, rms_norm };

/// How positions enter the model: a learned table added to the word embedding, a rotation of
/// queries and keys, or not at all.
enum class PositionEmbedding : uint8_t { learned_absolute, rope, none };

/// Sizes and options of a GPT or Llama (reference/megatron.md 4). Field names are Megatron's flags.
struct ModelConfig {
  int64_t num_layers = 0;               ///< --num-layers
  int64_t hidden_size = 0;              ///< --hidden-size
  int64_t ffn_hidden_size = 0;          ///< --ffn-hidden-size, default 4 * hidden_size
  int64_t num_attention_heads = 0;      ///< --num-attention-heads
  int64_t num_query_groups = 0;         ///< --num-query-groups; 0: a group for each head
  int64_t kv_channels = 0;              ///< --kv-channels, default hidden_size / heads
  int64_t vocab_size = 0;               ///< padded vocabulary: rows of the word embedding
  int64_t max_position_embeddings = 0;  ///< --max-position-embeddings
  float norm_epsilon = 1e-5F;           ///< --norm-epsilon
  Normalization normalization = Normalization::layer_norm;  ///< --normalization
  bool layernorm_1p = false;  ///< --apply-layernorm-1p: norm weights are stored minus one
  bool qk_layernorm = false;  ///< --qk-layernorm: norms over the heads of queries and keys
  kernels::Activation activation = kernels::Activation::gelu_tanh;
  PositionEmbedding position_embedding = PositionEmbedding::learned_absolute;
  RotaryConfig rotary;                      ///< used with PositionEmbedding::rope
  bool linear_bias = true;                  ///< off with --disable-bias-linear
  bool qkv_bias = true;                     ///< with --add-qkv-bias, or linear_bias
  bool tied_embeddings = true;              ///< off with --untie-embeddings-and-output-weights
  bool reset_attention_mask = false;        ///< attention stays within documents
  double hidden_dropout = 0.1;              ///< --hidden-dropout
  double attention_dropout = 0.1;           ///< --attention-dropout
  double init_method_std = 0.02;            ///< --init-method-std
  bool init_method_xavier_uniform = false;  ///< --init-method-xavier-uniform
  bool fp32_residual_connection = false;    ///< --fp32-residual-connection
  DType dtype = DType::f32;                 ///< of parameters and activations: --bf16, --fp16
  RecomputeConfig recompute;

  /// Key and value heads.
  int64_t query_groups() const {
    return num_query_groups == 0 ? num_attention_heads : num_query_groups;
  }
  /// Element type of the residual stream and its gradient.
  DType residual_dtype() const { return fp32_residual_connection ? DType::f32 : dtype; }
  kernels::HeadLayout head_layout() const {
    return {.heads = num_attention_heads, .groups = query_groups(), .head_dim = kv_channels};
  }
  /// Features of attention's output: heads * head size.
  int64_t attention_width() const { return num_attention_heads * kv_channels; }
  /// Outputs of the first MLP product: with a gated activation twice the feed-forward width.
  int64_t fc1_width() const {
    return kernels::is_gated(activation) ? 2 * ffn_hidden_size : ffn_hidden_size;
  }

  /// Every violated rule, as sentences that name the flag; empty when the model can be built.
  std::vector<std::string> validate() const;
  /// Parameters of the whole model.
  int64_t num_parameters() const;
};

}  // namespace weft::model
