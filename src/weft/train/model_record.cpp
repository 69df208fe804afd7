#include "weft/train/model_record.hpp"

#include <string>
#include <string_view>

#include "weft/base/error.hpp"

namespace weft::train {

namespace {

using Json = nlohmann::ordered_json;

std::string_view activation_name(kernels::Activation activation) {
  return activation == kernels::Activation::gelu_tanh ? "gelu_tanh" : "gelu_erf";
}

kernels::Activation activation_of(const std::string& name) {
  if (name == "gelu_tanh") return kernels::Activation::gelu_tanh;
  if (name == "gelu_erf") return kernels::Activation::gelu_erf;
  fail(ErrorKind::checkpoint, "the checkpoint's activation is {} (expected gelu_tanh or gelu_erf)",
       name);
}

}  // namespace

Json to_json(const ModelRecord& record) {
  const model::ModelConfig& model = record.model;
  return {{"num_layers", model.num_layers},
          {"hidden_size", model.hidden_size},
          {"ffn_hidden_size", model.ffn_hidden_size},
          {"num_attention_heads", model.num_attention_heads},
          {"kv_channels", model.kv_channels},
          {"padded_vocab_size", model.vocab_size},
          {"max_position_embeddings", model.max_position_embeddings},
          {"norm_epsilon", model.norm_epsilon},
          {"activation", activation_name(model.activation)},
          {"untie_embeddings_and_output_weights", !model.tied_embeddings},
          {"tokenizer_type", record.tokenizer.type},
          {"vocab_file", record.tokenizer.vocab_file},
          {"merge_file", record.tokenizer.merge_file},
          {"null_vocab_size", record.tokenizer.vocab_size},
          {"vocab_size", record.tokenizer_vocab_size}};
}

ModelRecord record_from_json(const Json& json) {
  const char* field = "";
  const auto read = [&](const char* name, auto& value) {
    field = name;
    json.at(name).get_to(value);
  };
  ModelRecord record;
  std::string activation;
  bool untied = false;
  try {
    read("num_layers", record.model.num_layers);
    read("hidden_size", record.model.hidden_size);
    read("ffn_hidden_size", record.model.ffn_hidden_size);
    read("num_attention_heads", record.model.num_attention_heads);
    read("kv_channels", record.model.kv_channels);
    read("padded_vocab_size", record.model.vocab_size);
    read("max_position_embeddings", record.model.max_position_embeddings);
    read("norm_epsilon", record.model.norm_epsilon);
    read("activation", activation);
    read("untie_embeddings_and_output_weights", untied);
    read("tokenizer_type", record.tokenizer.type);
    read("vocab_file", record.tokenizer.vocab_file);
    read("merge_file", record.tokenizer.merge_file);
    read("null_vocab_size", record.tokenizer.vocab_size);
    read("vocab_size", record.tokenizer_vocab_size);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::checkpoint, "the checkpoint's {} cannot be read ({})", field, error.what());
  }
  record.model.activation = activation_of(activation);
  record.model.tied_embeddings = !untied;
  const auto errors = record.model.validate();
  check(errors.empty() && record.model.vocab_size > 0, ErrorKind::checkpoint,
        "the checkpoint's model cannot be built: {}",
        errors.empty() ? "padded_vocab_size must be positive" : errors.front());
  return record;
}

void check_same_model(const ModelRecord& saved, const ModelRecord& wanted) {
  // The tokenizer's files may have moved; what the weights mean must be the same.
  constexpr std::string_view kMayDiffer[] = {"vocab_file", "merge_file"};
  const Json saved_json = to_json(saved);
  const Json wanted_json = to_json(wanted);
  for (const auto& [name, value] : wanted_json.items()) {
    bool skip = false;
    for (const std::string_view free : kMayDiffer) skip = skip || name == free;
    if (skip || saved_json.at(name) == value) continue;
    fail_with_hint(ErrorKind::checkpoint, "the flags of the saved run, or another --load",
                   "{} value from checkpoint ({}) is not equal to the input argument value ({}).",
                   name, saved_json.at(name).dump(), value.dump());
  }
}

}  // namespace weft::train
