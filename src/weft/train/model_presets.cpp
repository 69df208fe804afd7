#include "weft/train/model_presets.hpp"

#include <optional>

#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

// The published sizes of GPT-2: all else about it is the default.
constexpr PresetSetting kGpt2Small[] = {{"num_layers", "12"},
                                        {"hidden_size", "768"},
                                        {"num_attention_heads", "12"},
                                        {"max_position_embeddings", "1024"}};
constexpr PresetSetting kGpt2Medium[] = {{"num_layers", "24"},
                                         {"hidden_size", "1024"},
                                         {"num_attention_heads", "16"},
                                         {"max_position_embeddings", "1024"}};
constexpr PresetSetting kGpt2Xl[] = {{"num_layers", "48"},
                                     {"hidden_size", "1600"},
                                     {"num_attention_heads", "25"},
                                     {"max_position_embeddings", "1024"}};

// JackFram/llama-160m.
constexpr PresetSetting kLlama160m[] = {{"num_layers", "12"},
                                        {"hidden_size", "768"},
                                        {"ffn_hidden_size", "3072"},
                                        {"num_attention_heads", "12"},
                                        {"max_position_embeddings", "2048"},
                                        {"position_embedding_type", "rope"},
                                        {"normalization", "RMSNorm"},
                                        {"norm_epsilon", "1e-6"},
                                        {"swiglu", "true"},
                                        {"add_bias_linear", "false"},
                                        {"untie_embeddings_and_output_weights", "true"},
                                        {"hidden_dropout", "0"},
                                        {"attention_dropout", "0"}};
// Llama 3.2 1B, with the 8192 positions of pretraining and their unscaled frequencies.
constexpr PresetSetting kLlama1b[] = {{"num_layers", "16"},
                                      {"hidden_size", "2048"},
                                      {"ffn_hidden_size", "8192"},
                                      {"num_attention_heads", "32"},
                                      {"group_query_attention", "true"},
                                      {"num_query_groups", "8"},
                                      {"max_position_embeddings", "8192"},
                                      {"position_embedding_type", "rope"},
                                      {"rotary_base", "500000"},
                                      {"normalization", "RMSNorm"},
                                      {"swiglu", "true"},
                                      {"add_bias_linear", "false"},
                                      {"hidden_dropout", "0"},
                                      {"attention_dropout", "0"}};
// Llama 3 8B.
constexpr PresetSetting kLlama8b[] = {{"num_layers", "32"},
                                      {"hidden_size", "4096"},
                                      {"ffn_hidden_size", "14336"},
                                      {"num_attention_heads", "32"},
                                      {"group_query_attention", "true"},
                                      {"num_query_groups", "8"},
                                      {"max_position_embeddings", "8192"},
                                      {"position_embedding_type", "rope"},
                                      {"rotary_base", "500000"},
                                      {"normalization", "RMSNorm"},
                                      {"swiglu", "true"},
                                      {"add_bias_linear", "false"},
                                      {"untie_embeddings_and_output_weights", "true"},
                                      {"hidden_dropout", "0"},
                                      {"attention_dropout", "0"}};

struct Preset {
  std::string_view name;
  std::span<const PresetSetting> settings;
};

constexpr Preset kPresets[] = {{"gpt2-124m", kGpt2Small}, {"gpt2-350m", kGpt2Medium},
                               {"gpt2-1.5b", kGpt2Xl},    {"llama-160m", kLlama160m},
                               {"llama-1b", kLlama1b},    {"llama-8b", kLlama8b}};

}  // namespace

std::span<const PresetSetting> preset_settings(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (preset.name == name) return preset.settings;
  }
  return {};
}

void apply_preset(OptionValues& values) {
  for (const auto& [option, value] : preset_settings(values.text("model"))) {
    if (values.given(option)) continue;
    // The older spelling of the same option.
    if (option == "num_layers" && values.given("encoder_num_layers")) continue;
    std::optional<OptionProblem> unused;
    values.set(option, parse_setting(*find_option(option), std::string(value), unused),
               ValueSource::preset);
  }
}

}  // namespace weft::train
