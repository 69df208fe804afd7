#include "weft/model/model_config.hpp"

#include <fmt/format.h>

namespace weft::model {

namespace {

constexpr int64_t kLargestHead = 256;  // what the attention kernel takes

void require_positive(std::vector<std::string>& errors, const char* flag, int64_t value) {
  if (value <= 0) errors.push_back(fmt::format("{} must be positive (got {})", flag, value));
}

void require_rate(std::vector<std::string>& errors, const char* flag, double rate) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    errors.push_back(fmt::format("{} must be in [0, 1) (got {})", flag, rate));
  }
}

void validate_rotary(std::vector<std::string>& errors, const ModelConfig& config) {
  const int64_t channels = config.rotary.turning_channels(config.kv_channels);
  if (!(config.rotary.percent > 0.0 && config.rotary.percent <= 1.0) || channels < 2 ||
      channels % 2 != 0) {
    errors.push_back(fmt::format(
        "--rotary-percent must turn an even number of channels of a head (got {} of {})", channels,
        config.kv_channels));
  }
  if (!(config.rotary.base >= 1.0)) {
    errors.push_back(fmt::format("--rotary-base must be at least 1 (got {})", config.rotary.base));
  }
}

}  // namespace

std::vector<std::string> ModelConfig::validate() const {
  std::vector<std::string> errors;
  require_positive(errors, "--num-layers", num_layers);
  require_positive(errors, "--hidden-size", hidden_size);
  require_positive(errors, "--ffn-hidden-size", ffn_hidden_size);
  require_positive(errors, "--num-attention-heads", num_attention_heads);
  require_positive(errors, "--kv-channels", kv_channels);
  require_positive(errors, "--max-position-embeddings", max_position_embeddings);
  if (query_groups() < 1 || num_attention_heads % query_groups() != 0) {
    errors.push_back(
        fmt::format("--num-query-groups must divide the attention heads (got {} and {})",
                    query_groups(), num_attention_heads));
  }
  if (kv_channels > kLargestHead) {
    errors.push_back(
        fmt::format("--kv-channels must be at most {} (got {})", kLargestHead, kv_channels));
  }
  if (position_embedding == PositionEmbedding::rope) validate_rotary(errors, *this);
  require_rate(errors, "--hidden-dropout", hidden_dropout);
  require_rate(errors, "--attention-dropout", attention_dropout);
  if (!(norm_epsilon > 0.0F)) {
    errors.push_back(fmt::format("--norm-epsilon must be positive (got {})", norm_epsilon));
  }
  if (!(init_method_std >= 0.0)) {
    errors.push_back(
        fmt::format("--init-method-std must not be negative (got {})", init_method_std));
  }
  return errors;
}

int64_t ModelConfig::num_parameters() const {
  const int64_t norm_vectors = normalization == Normalization::rms_norm ? 1 : 2;
  const int64_t qkv_width = head_layout().qkv_width();
  const int64_t norms = norm_vectors * (2 * hidden_size + (qk_layernorm ? 2 * kv_channels : 0));
  const int64_t products =
      (qkv_width + attention_width() + fc1_width() + ffn_hidden_size) * hidden_size;
  int64_t biases = qkv_bias ? qkv_width : 0;
  if (linear_bias) biases += fc1_width() + 2 * hidden_size;
  const bool table = position_embedding == PositionEmbedding::learned_absolute;
  const int64_t embedding_rows =
      vocab_size * (tied_embeddings ? 1 : 2) + (table ? max_position_embeddings : 0);
  return num_layers * (norms + products + biases) + norm_vectors * hidden_size +
         embedding_rows * hidden_size;
}

}  // namespace weft::model
