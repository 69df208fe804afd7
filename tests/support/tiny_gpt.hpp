#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/microbatch_data.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/model/model_chunk.hpp"

namespace weft::testing {

/// A model of vectors/tiny_models.json, "gpt" or "llama_like": its configuration, its weights and
/// tokens by formula.
struct TinyGpt {
  explicit TinyGpt(const nlohmann::json& vector, const std::string& model = "gpt")
      : json(vector.at(model)) {
    const nlohmann::json& c = json.at("config");
    config.num_layers = c.at("layers");
    config.hidden_size = c.at("hidden");
    config.ffn_hidden_size = c.at("ffn");
    config.num_attention_heads = c.at("heads");
    config.num_query_groups = c.at("groups");
    config.kv_channels = c.at("head_dim");
    config.vocab_size = c.at("vocab");
    config.max_position_embeddings = c.at("max_pos");
    config.norm_epsilon = c.at("eps");
    config.linear_bias = config.qkv_bias = c.at("bias");
    config.tied_embeddings = c.at("tied");
    if (c.at("swiglu")) config.activation = kernels::Activation::swiglu;
    if (c.at("norm") == "RMSNorm") config.normalization = model::Normalization::rms_norm;
    if (c.at("pos") == "rope") {
      config.position_embedding = model::PositionEmbedding::rope;
      config.rotary.base = c.at("rotary_base");
    }
    config.hidden_dropout = 0.0;
    config.attention_dropout = 0.0;
    shape = {.sequence = json.at("seq"), .samples = json.at("batch")};
    num_microbatches = json.at("num_microbatches");
  }

  /// The vector's name of a parameter: it says input_norm, Megatron says input_layernorm.
  static std::string vector_name(std::string name) {
    const auto replace = [&name](const std::string& from, const std::string& to) {
      const size_t at = name.find(from);
      if (at != std::string::npos) name.replace(at, from.size(), to);
    };
    replace("input_layernorm", "input_norm");
    replace("pre_mlp_layernorm", "pre_mlp_norm");
    replace("final_layernorm", "final_norm");
    return name;
  }

  /// Parameter number k filled by scale * sin(0.37 i + 1.3 k + 0.11 (i mod 7)), plus 1 for norm
  /// weights.
  model::ParameterSet parameters() const {
    model::ParameterSet set = model::make_gpt_parameters(config);
    for (size_t k = 0; k < set.all().size(); ++k) {
      model::Parameter& parameter = set.all()[k];
      const bool norm_weight = parameter.name.ends_with("layernorm.weight");
      const double scale = parameter.name == model::kPositionEmbeddings ? 0.2
                           : parameter.decays()                         ? 0.3
                                                                        : 0.1;
      const auto values = parameter.main.span<float>();
      for (size_t i = 0; i < values.size(); ++i) {
        const double wave = std::sin(0.37 * static_cast<double>(i) + 1.3 * static_cast<double>(k) +
                                     0.11 * static_cast<double>(i % 7));
        values[i] = static_cast<float>(scale * wave + (norm_weight ? 1.0 : 0.0));
      }
    }
    set.round_values();
    return set;
  }

  /// Microbatch `index`: flat position i over [B, S + 1] holds token (7 j^2 + 3 j + 5) mod vocab
  /// with j = i + 1000 * index.
  MicrobatchData microbatch(int64_t index) const {
    MicrobatchData data(shape);
    for (int64_t b = 0; b < shape.samples; ++b) {
      for (int64_t s = 0; s < shape.sequence; ++s) {
        const auto token = [&](int64_t position) {
          const int64_t j = b * (shape.sequence + 1) + position + 1000 * index;
          return (7 * j * j + 3 * j + 5) % config.vocab_size;
        };
        data.set(b, s, token(s), token(s + 1));
      }
      data.sample_ids[static_cast<size_t>(b)] = index * shape.samples + b;
    }
    return data;
  }

  nlohmann::json json;
  model::ModelConfig config;
  model::MicrobatchShape shape;
  int64_t num_microbatches = 0;
};

}  // namespace weft::testing
