#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::train {

/// Sizes behind the theoretical figures (reference/megatron.md 8.5). Field names are Megatron's.
struct TheoreticalModel {
  int64_t num_layers = 0;
  int64_t hidden_size = 0;
  int64_t ffn_hidden_size = 0;
  int64_t num_attention_heads = 0;
  int64_t num_query_groups = 0;  ///< key/value heads; equal to the heads without grouping
  int64_t kv_channels = 0;
  int64_t max_position_embeddings = 0;
  int64_t padded_vocab_size = 0;
  bool tied_embeddings = true;
  bool swiglu = false;
  bool learned_positions = true;  ///< the model has a position table
  bool rms_norm = false;          ///< norms have no bias
  bool qk_layernorm = false;      ///< norms over the heads of queries and keys
  bool linear_bias = true;        ///< every product but the logits has a bias
  bool qkv_bias = true;           ///< the product of queries, keys and values has one
  int64_t mtp_num_layers = 0;

  int64_t num_experts = 0;              ///< 0: all layers are dense
  int64_t moe_router_topk = 2;          ///< experts per token
  std::vector<int64_t> moe_layer_freq;  ///< 1 for each layer with experts, 0 for each dense one
  int64_t moe_ffn_hidden_size = 0;
  int64_t moe_shared_expert_intermediate_size = 0;
};

/// How a model is split and trained, as far as the theoretical memory depends on it.
struct TheoreticalLayout {
  int64_t sequence_length = 0;
  int64_t micro_batch_size = 0;
  int64_t num_microbatches = 1;
  int64_t tensor_parallel = 1;
  int64_t pipeline_parallel = 1;
  std::optional<int64_t> virtual_chunks;  ///< model chunks per stage
  int64_t data_parallel = 1;
  bool distributed_optimizer = false;
  bool sequence_parallel = false;
  bool selective_recompute = false;
};

/// Floating point operations of one iteration of `batch_size` samples, forward and backward.
double flops_per_iteration(const TheoreticalModel& model, int64_t sequence_length,
                           int64_t batch_size);

/// The report printed after the first iteration, one string per line. Its activation part needs
/// sequence parallelism with selective recompute, as in Megatron.
std::vector<std::string> memory_report(const TheoreticalModel& model,
                                       const TheoreticalLayout& layout);

/// Parameters on one tensor rank (reference/megatron.md 4.3); dense layers.
struct StageParameters {
  int64_t layer = 0;         ///< one layer
  int64_t middle_stage = 0;  ///< layers only
  int64_t first_stage = 0;   ///< with both embeddings
  int64_t last_stage = 0;    ///< with the final norm and the output's own weight
  int64_t single_stage = 0;  ///< the whole model on one stage
};

/// Parameters of each kind of stage when the layers are split evenly.
StageParameters stage_parameters(const TheoreticalModel& model, int64_t tensor_parallel,
                                 int64_t pipeline_parallel);

}  // namespace weft::train
