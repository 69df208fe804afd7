#include "weft/train/checkpoint_args.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "weft/checkpoint/train_state.hpp"
#include "weft/train/model_record.hpp"
#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

/// Sets options to a checkpoint's values and notes what it did.
class CheckpointArgs {
 public:
  explicit CheckpointArgs(ParsedOptions& parsed) : parsed_(parsed) {}

  void take(const ModelRecord& record) {
    const model::ModelConfig& model = record.model;
    offer("num_layers", model.num_layers, !is_none("encoder_num_layers"));
    offer("hidden_size", model.hidden_size);
    offer("ffn_hidden_size", model.ffn_hidden_size);
    missing("seq_length", is_none("seq_length") && is_none("encoder_seq_length"));
    offer("num_attention_heads", model.num_attention_heads);
    force("num_query_groups", model.query_groups());
    force("group_query_attention", model.query_groups() != model.num_attention_heads);
    offer("kv_channels", model.kv_channels);
    offer("max_position_embeddings", model.max_position_embeddings);
    take_positions(model);
    take_parts(model);
    missing("attention_dropout", true);
    missing("hidden_dropout", true);
    if (parsed_.values.flag("use_tokenizer_model_from_checkpoint_args")) {
      take_tokenizer(record.tokenizer);
    }
  }

 private:
  void take_positions(const model::ModelConfig& model) {
    const bool rope = model.position_embedding == model::PositionEmbedding::rope;
    const bool none = model.position_embedding == model::PositionEmbedding::none;
    force("position_embedding_type", std::string(rope   ? "rope"
                                                 : none ? "none"
                                                        : "learned_absolute"));
    force("add_position_embedding", true);
    force("use_rotary_position_embeddings", rope);
    if (!rope) return;
    const model::RotaryConfig& rotary = model.rotary;
    force("rotary_base", static_cast<int64_t>(rotary.base));
    force("rotary_percent", rotary.percent);
    force("rotary_interleaved", rotary.pairs == kernels::RotaryPairs::neighbours);
    const auto factor = static_cast<int64_t>(rotary.interpolation_factor);
    force("rotary_seq_len_interpolation_factor", factor == 1 ? OptionValue() : OptionValue(factor));
    force("use_rope_scaling", rotary.llama3_scaling);
    force("rope_scaling_factor", rotary.llama3_scaling_factor);
  }

  void take_parts(const model::ModelConfig& model) {
    using kernels::Activation;
    const bool rms_norm = model.normalization == model::Normalization::rms_norm;
    force("add_bias_linear", model.linear_bias);
    force("add_qkv_bias", model.qkv_bias);
    force("squared_relu", model.activation == Activation::squared_relu);
    force("swiglu", model.activation == Activation::swiglu);
    // Which of both GELUs; the other activations do not ask.
    if (model.activation == Activation::gelu_tanh || model.activation == Activation::gelu_erf) {
      force("bias_gelu_fusion", model.activation == Activation::gelu_tanh);
    }
    force("untie_embeddings_and_output_weights", !model.tied_embeddings);
    force("apply_layernorm_1p", model.layernorm_1p);
    force("normalization", std::string(rms_norm ? "RMSNorm" : "LayerNorm"));
    // Of float in the model: through its shortest digits it reads as it was given.
    force("norm_epsilon", parse_real(fmt::format("{}", model.norm_epsilon)).value_or(0.0));
    force("qk_layernorm", model.qk_layernorm);
  }

  void take_tokenizer(const tokenizer::TokenizerConfig& tokenizer) {
    force("tokenizer_type", tokenizer.type);
    if (tokenizer.type == "NullTokenizer") {
      force("vocab_size", tokenizer.vocab_size);
      return;
    }
    // The files may have moved: a path that was given counts.
    offer("vocab_file", tokenizer.vocab_file);
    offer("merge_file", tokenizer.merge_file);
  }

  bool is_none(const char* name) const { return parsed_.values.is_none(name); }

  void offer(const char* name, OptionValue value, bool given_otherwise = false) {
    if (is_none(name) && !given_otherwise) force(name, std::move(value));
  }

  void force(const char* name, OptionValue value) {
    parsed_.notices.push_back(
        fmt::format("Setting {} to {} from checkpoint", name, print_python(value)));
    parsed_.values.set(name, std::move(value), ValueSource::checkpoint);
  }

  void missing(const char* name, bool wanted) {
    if (wanted) {
      parsed_.notices.push_back(fmt::format("Checkpoint did not provide arguments {}", name));
    }
  }

  ParsedOptions& parsed_;
};

}  // namespace

void apply_checkpoint_args(ParsedOptions& parsed) {
  const OptionValues& values = parsed.values;
  if (!values.flag("use_checkpoint_args")) return;
  const std::string load = values.text("load");
  if (load.empty()) {
    parsed.problems.push_back(
        {"--use-checkpoint-args requires --load argument (got no --load)", "--load DIR"});
    return;
  }
  const auto state = checkpoint::load_state(load, values.maybe_integer("ckpt_step"));
  if (!state) {
    parsed.notices.emplace_back(
        "Checkpoint not found to provide arguments, using provided arguments.");
    return;
  }
  CheckpointArgs(parsed).take(record_from_json(state->model));
}

}  // namespace weft::train
