#include "weft/train/theoretical_inputs.hpp"

namespace weft::train {

TheoreticalModel theoretical_model(const TrainConfig& config) {
  const model::ModelConfig& model = config.model;
  TheoreticalModel sizes;
  sizes.num_layers = model.num_layers;
  sizes.hidden_size = model.hidden_size;
  sizes.ffn_hidden_size = model.ffn_hidden_size;
  sizes.num_attention_heads = model.num_attention_heads;
  sizes.num_query_groups = model.query_groups();
  sizes.kv_channels = model.kv_channels;
  sizes.max_position_embeddings = model.max_position_embeddings;
  sizes.padded_vocab_size = model.vocab_size;
  sizes.tied_embeddings = model.tied_embeddings;
  sizes.swiglu = model.activation == kernels::Activation::swiglu;
  sizes.learned_positions = model.position_embedding == model::PositionEmbedding::learned_absolute;
  sizes.rms_norm = model.normalization == model::Normalization::rms_norm;
  sizes.qk_layernorm = model.qk_layernorm;
  sizes.linear_bias = model.linear_bias;
  sizes.qkv_bias = model.qkv_bias;
  return sizes;
}

TheoreticalLayout theoretical_layout(const TrainConfig& config) {
  TheoreticalLayout layout;
  layout.sequence_length = config.sequence_length;
  layout.micro_batch_size = config.micro_batch_size;
  layout.num_microbatches = config.global_batch_size / config.samples_per_microbatch();
  layout.data_parallel = config.pipeline.num_replicas;
  layout.pipeline_parallel = config.pipeline.num_ranks();
  if (config.pipeline.split.is_interleaved()) {
    layout.virtual_chunks = config.pipeline.split.num_chunks();
  }
  layout.selective_recompute = config.model.recompute.attention();
  return layout;
}

}  // namespace weft::train
