#include "weft/model/model_config.hpp"

#include <fmt/format.h>

namespace weft::model {

namespace {

void require_positive(std::vector<std::string>& errors, const char* flag, int64_t value) {
  if (value <= 0) errors.push_back(fmt::format("{} must be positive (got {})", flag, value));
}

void require_rate(std::vector<std::string>& errors, const char* flag, double rate) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    errors.push_back(fmt::format("{} must be in [0, 1) (got {})", flag, rate));
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
  const int64_t attention_width = num_attention_heads * kv_channels;
  const int64_t norms = 4 * hidden_size;
  const int64_t qkv = 3 * attention_width * (hidden_size + 1);
  const int64_t projection = (attention_width + 1) * hidden_size;
  const int64_t mlp = ffn_hidden_size * (hidden_size + 1) + (ffn_hidden_size + 1) * hidden_size;
  const int64_t embeddings =
      (vocab_size * (tied_embeddings ? 1 : 2) + max_position_embeddings) * hidden_size;
  return num_layers * (norms + qkv + projection + mlp) + embeddings + 2 * hidden_size;
}

}  // namespace weft::model
