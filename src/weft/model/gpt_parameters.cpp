#include "weft/model/gpt_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace weft::model {

using parallel::StageLayers;

std::string layer_parameter(int64_t layer, const std::string& suffix) {
  return fmt::format("decoder.layers.{}.{}", layer, suffix);
}

namespace {

/// How far random initial values lie from their mean: one of the two is 0.
struct Spread {
  double deviation = 0.0;
  double bound = 0.0;
};

/// Of every matrix but the scaled ones.
Spread plain_spread(const ModelConfig& config, const Shape& shape) {
  if (!config.init_method_xavier_uniform) return {.deviation = config.init_method_std};
  return {.bound = std::sqrt(6.0 / static_cast<double>(shape[0] + shape[1]))};
}

/// Of the matrices whose products join the residual stream.
Spread scaled_spread(const ModelConfig& config) {
  return {.deviation =
              config.init_method_std / std::sqrt(2.0 * static_cast<double>(config.num_layers))};
}

/// The parameters of one part; `with_word_table` says whether the word embedding is in its list.
std::vector<Parameter> list_parameters(const ModelConfig& config, const StageLayers& part,
                                       bool with_word_table) {
  std::vector<Parameter> list;
  const auto add = [&list](const std::string& name, Shape shape, double mean,
                           const Spread& spread) {
    list.push_back({.name = name,
                    .shape = shape,
                    .value = {},
                    .main = {},
                    .grad = {},
                    .init_mean = static_cast<float>(mean),
                    .init_deviation = static_cast<float>(spread.deviation),
                    .init_bound = static_cast<float>(spread.bound),
                    .embedding_or_output = name == kWordEmbeddings || name == kOutputLayer});
  };
  const auto add_norm = [&](const std::string& name, int64_t width) {
    add(name + ".weight", {width}, config.layernorm_1p ? 0 : 1, {});
    if (config.normalization == Normalization::layer_norm) add(name + ".bias", {width}, 0, {});
  };
  const auto add_plain = [&](const std::string& name, Shape shape) {
    add(name, shape, 0, plain_spread(config, shape));
  };
  const int64_t hidden = config.hidden_size;
  const int64_t qkv_width = config.head_layout().qkv_width();
  const Spread scaled = scaled_spread(config);
  const auto add_bias = [&](const std::string& name, int64_t width, bool present) {
    if (present) add(name, {width}, 0, {});
  };

  if (with_word_table) add_plain(kWordEmbeddings, {config.vocab_size, hidden});
  if (part.has_embedding && config.position_embedding == PositionEmbedding::learned_absolute) {
    add_plain(kPositionEmbeddings, {config.max_position_embeddings, hidden});
  }
  for (int64_t layer = part.first_layer; layer < part.end_layer(); ++layer) {
    const auto name = [layer](const char* suffix) { return layer_parameter(layer, suffix); };
    add_norm(name("input_layernorm"), hidden);
    add_plain(name("self_attention.linear_qkv.weight"), {qkv_width, hidden});
    add_bias(name("self_attention.linear_qkv.bias"), qkv_width, config.qkv_bias);
    if (config.qk_layernorm) {
      add_norm(name("self_attention.q_layernorm"), config.kv_channels);
      add_norm(name("self_attention.k_layernorm"), config.kv_channels);
    }
    add(name("self_attention.linear_proj.weight"), {hidden, config.attention_width()}, 0, scaled);
    add_bias(name("self_attention.linear_proj.bias"), hidden, config.linear_bias);
    add_norm(name("pre_mlp_layernorm"), hidden);
    add_plain(name("mlp.linear_fc1.weight"), {config.fc1_width(), hidden});
    add_bias(name("mlp.linear_fc1.bias"), config.fc1_width(), config.linear_bias);
    add(name("mlp.linear_fc2.weight"), {hidden, config.ffn_hidden_size}, 0, scaled);
    add_bias(name("mlp.linear_fc2.bias"), hidden, config.linear_bias);
  }
  if (!part.has_head) return list;
  add_norm("decoder.final_layernorm", hidden);
  if (!config.tied_embeddings) add_plain(kOutputLayer, {config.vocab_size, hidden});
  return list;
}

/// The parameters of a rank that holds `parts`.
std::vector<Parameter> list_parameters(const ModelConfig& config,
                                       std::span<const StageLayers> parts) {
  const bool has_embedding = std::ranges::any_of(parts, &StageLayers::has_embedding);
  std::vector<Parameter> list;
  for (const StageLayers& part : parts) {
    const bool is_copy = part.has_head && config.tied_embeddings && !has_embedding;
    for (Parameter& parameter : list_parameters(config, part, part.has_embedding || is_copy)) {
      parameter.is_copy = is_copy && parameter.name == kWordEmbeddings;
      list.push_back(std::move(parameter));
    }
  }
  return list;
}

}  // namespace

StageLayers whole_model(const ModelConfig& config) {
  return {.num_layers = config.num_layers, .has_embedding = true, .has_head = true};
}

ParameterSet make_gpt_parameters(const ModelConfig& config, std::span<const StageLayers> parts,
                                 MemoryResource& memory, const Stream& stream) {
  return ParameterSet(list_parameters(config, parts), config.dtype, memory, stream);
}

ParameterSet make_gpt_parameters(const ModelConfig& config, MemoryResource& memory,
                                 const Stream& stream) {
  const StageLayers whole = whole_model(config);
  return make_gpt_parameters(config, {&whole, 1}, memory, stream);
}

ParameterSizes gpt_parameter_sizes(const ModelConfig& config, std::span<const StageLayers> parts) {
  return slab_sizes(list_parameters(config, parts), config.dtype);
}

ParameterSizes gpt_parameter_sizes(const ModelConfig& config) {
  const StageLayers whole = whole_model(config);
  return gpt_parameter_sizes(config, {&whole, 1});
}

int64_t num_gpt_parameters(const ModelConfig& config, std::span<const StageLayers> parts) {
  int64_t total = 0;
  for (const Parameter& parameter : list_parameters(config, parts)) {
    total += parameter.shape.num_elements();
  }
  return total;
}

std::vector<std::string> gpt_parameter_names(const ModelConfig& config) {
  const StageLayers whole = whole_model(config);
  std::vector<std::string> names;
  for (const Parameter& parameter : list_parameters(config, {&whole, 1})) {
    names.push_back(parameter.name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace weft::model
