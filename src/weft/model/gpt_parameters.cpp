#include "weft/model/gpt_parameters.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

namespace weft::model {

std::string layer_parameter(int64_t layer, const std::string& suffix) {
  return fmt::format("decoder.layers.{}.{}", layer, suffix);
}

ParameterSet make_gpt_parameters(const ModelConfig& config) {
  std::vector<Parameter> list;
  const auto add = [&list](std::string name, Shape shape, double mean, double deviation) {
    list.push_back({.name = std::move(name),
                    .shape = shape,
                    .value = {},
                    .grad = {},
                    .init_mean = static_cast<float>(mean),
                    .init_deviation = static_cast<float>(deviation)});
  };
  const int64_t hidden = config.hidden_size;
  const int64_t ffn = config.ffn_hidden_size;
  const int64_t attention_width = config.num_attention_heads * config.kv_channels;
  const double deviation = config.init_method_std;
  const double output_deviation =
      deviation / std::sqrt(2.0 * static_cast<double>(config.num_layers));

  add(kWordEmbeddings, {config.vocab_size, hidden}, 0, deviation);
  add(kPositionEmbeddings, {config.max_position_embeddings, hidden}, 0, deviation);
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    const auto name = [layer](const char* suffix) { return layer_parameter(layer, suffix); };
    add(name("input_layernorm.weight"), {hidden}, 1, 0);
    add(name("input_layernorm.bias"), {hidden}, 0, 0);
    add(name("self_attention.linear_qkv.weight"), {3 * attention_width, hidden}, 0, deviation);
    add(name("self_attention.linear_qkv.bias"), {3 * attention_width}, 0, 0);
    add(name("self_attention.linear_proj.weight"), {hidden, attention_width}, 0, output_deviation);
    add(name("self_attention.linear_proj.bias"), {hidden}, 0, 0);
    add(name("pre_mlp_layernorm.weight"), {hidden}, 1, 0);
    add(name("pre_mlp_layernorm.bias"), {hidden}, 0, 0);
    add(name("mlp.linear_fc1.weight"), {ffn, hidden}, 0, deviation);
    add(name("mlp.linear_fc1.bias"), {ffn}, 0, 0);
    add(name("mlp.linear_fc2.weight"), {hidden, ffn}, 0, output_deviation);
    add(name("mlp.linear_fc2.bias"), {hidden}, 0, 0);
  }
  add("decoder.final_layernorm.weight", {hidden}, 1, 0);
  add("decoder.final_layernorm.bias", {hidden}, 0, 0);
  if (!config.tied_embeddings) add(kOutputLayer, {config.vocab_size, hidden}, 0, deviation);
  return ParameterSet(std::move(list));
}

}  // namespace weft::model
