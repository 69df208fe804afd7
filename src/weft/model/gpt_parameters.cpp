#include "weft/model/gpt_parameters.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

namespace weft::model {

std::string layer_parameter(int64_t layer, const std::string& suffix) {
  return fmt::format("decoder.layers.{}.{}", layer, suffix);
}

namespace {

std::vector<Parameter> list_parameters(const ModelConfig& config) {
  std::vector<Parameter> list;
  const auto add = [&list](std::string name, Shape shape, double mean, double deviation) {
    list.push_back({.name = std::move(name),
                    .shape = shape,
                    .value = {},
                    .main = {},
                    .grad = {},
                    .init_mean = static_cast<float>(mean),
                    .init_deviation = static_cast<float>(deviation)});
  };
  const auto add_norm = [&](const std::string& name, int64_t width) {
    add(name + ".weight", {width}, config.layernorm_1p ? 0 : 1, 0);
    if (config.normalization == Normalization::layer_norm) add(name + ".bias", {width}, 0, 0);
  };
  const auto add_linear = [&](const std::string& name, Shape shape, double deviation, bool bias) {
    add(name + ".weight", shape, 0, deviation);
    if (bias) add(name + ".bias", {shape[0]}, 0, 0);
  };
  const int64_t hidden = config.hidden_size;
  const int64_t qkv_width = config.head_layout().qkv_width();
  const bool biases = config.linear_bias;
  const double deviation = config.init_method_std;
  const double output_deviation =
      deviation / std::sqrt(2.0 * static_cast<double>(config.num_layers));

  add(kWordEmbeddings, {config.vocab_size, hidden}, 0, deviation);
  if (config.position_embedding == PositionEmbedding::learned_absolute) {
    add(kPositionEmbeddings, {config.max_position_embeddings, hidden}, 0, deviation);
  }
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    const auto name = [layer](const char* suffix) { return layer_parameter(layer, suffix); };
    add_norm(name("input_layernorm"), hidden);
    add_linear(name("self_attention.linear_qkv"), {qkv_width, hidden}, deviation, config.qkv_bias);
    if (config.qk_layernorm) {
      add_norm(name("self_attention.q_layernorm"), config.kv_channels);
      add_norm(name("self_attention.k_layernorm"), config.kv_channels);
    }
    add_linear(name("self_attention.linear_proj"), {hidden, config.attention_width()},
               output_deviation, biases);
    add_norm(name("pre_mlp_layernorm"), hidden);
    add_linear(name("mlp.linear_fc1"), {config.fc1_width(), hidden}, deviation, biases);
    add_linear(name("mlp.linear_fc2"), {hidden, config.ffn_hidden_size}, output_deviation, biases);
  }
  add_norm("decoder.final_layernorm", hidden);
  if (!config.tied_embeddings) add(kOutputLayer, {config.vocab_size, hidden}, 0, deviation);
  return list;
}

}  // namespace

ParameterSet make_gpt_parameters(const ModelConfig& config, MemoryResource& memory) {
  return ParameterSet(list_parameters(config), config.dtype, memory);
}

ParameterSizes gpt_parameter_sizes(const ModelConfig& config) {
  return slab_sizes(list_parameters(config), config.dtype);
}

}  // namespace weft::model
