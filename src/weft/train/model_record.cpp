#include "weft/train/model_record.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::train {

namespace {

using Json = nlohmann::ordered_json;

/// The words that a checkpoint uses for the values of an enum.
template <typename Enum>
using Words = std::span<const std::pair<std::string_view, Enum>>;

constexpr std::pair<std::string_view, kernels::Activation> kActivations[] = {
    {"gelu_tanh", kernels::Activation::gelu_tanh},
    {"gelu_erf", kernels::Activation::gelu_erf},
    {"squared_relu", kernels::Activation::squared_relu},
    {"swiglu", kernels::Activation::swiglu}};
constexpr std::pair<std::string_view, model::Normalization> kNormalizations[] = {
    {"LayerNorm", model::Normalization::layer_norm}, {"RMSNorm", model::Normalization::rms_norm}};
constexpr std::pair<std::string_view, model::PositionEmbedding> kPositions[] = {
    {"learned_absolute", model::PositionEmbedding::learned_absolute},
    {"rope", model::PositionEmbedding::rope},
    {"none", model::PositionEmbedding::none}};

template <typename Enum>
std::string_view word_of(Words<Enum> words, Enum value) {
  return std::ranges::find(words, value, &std::pair<std::string_view, Enum>::second)->first;
}

template <typename Enum>
Enum value_of(Words<Enum> words, const char* field, const std::string& word) {
  const auto found = std::ranges::find(words, word, &std::pair<std::string_view, Enum>::first);
  if (found != words.end()) return found->second;
  std::string known;
  for (const auto& [name, value] : words) known += (known.empty() ? "" : ", ") + std::string(name);
  fail(ErrorKind::checkpoint, "the checkpoint's {} is {} (expected one of {})", field, word, known);
}

/// What turns queries and keys matters only where they are turned.
void add_rotary(Json& json, const model::RotaryConfig& rotary) {
  json["rotary_percent"] = rotary.percent;
  json["rotary_base"] = rotary.base;
  json["rotary_interleaved"] = rotary.pairs == kernels::RotaryPairs::neighbours;
  json["rotary_seq_len_interpolation_factor"] = rotary.interpolation_factor;
  json["use_rope_scaling"] = rotary.llama3_scaling;
  json["rope_scaling_factor"] = rotary.llama3_scaling_factor;
}

/// Reads fields and remembers the one at hand for the error message.
class FieldReader {
 public:
  explicit FieldReader(const Json& json) : json_(json) {}

  template <typename T>
  void read(const char* name, T& value) {
    field_ = name;
    json_.at(name).get_to(value);
  }
  /// As read; a field that older checkpoints lack keeps its value.
  template <typename T>
  void read_newer(const char* name, T& value) {
    if (json_.contains(name)) read(name, value);
  }
  template <typename Enum>
  void read_word(const char* name, Words<Enum> words, Enum& value) {
    std::string word;
    read_newer(name, word);
    if (!word.empty()) value = value_of(words, name, word);
  }
  const char* field() const { return field_; }

 private:
  const Json& json_;
  const char* field_ = "";
};

void read_model(FieldReader& reader, model::ModelConfig& model) {
  reader.read("num_layers", model.num_layers);
  reader.read("hidden_size", model.hidden_size);
  reader.read("ffn_hidden_size", model.ffn_hidden_size);
  reader.read("num_attention_heads", model.num_attention_heads);
  reader.read_newer("num_query_groups", model.num_query_groups);
  reader.read("kv_channels", model.kv_channels);
  reader.read("padded_vocab_size", model.vocab_size);
  reader.read("max_position_embeddings", model.max_position_embeddings);
  reader.read("norm_epsilon", model.norm_epsilon);
  reader.read_word<model::Normalization>("normalization", kNormalizations, model.normalization);
  reader.read_newer("apply_layernorm_1p", model.layernorm_1p);
  reader.read_newer("qk_layernorm", model.qk_layernorm);
  reader.read_word<kernels::Activation>("activation", kActivations, model.activation);
  reader.read_newer("add_bias_linear", model.linear_bias);
  reader.read_newer("add_qkv_bias", model.qkv_bias);
  bool untied = false;
  reader.read("untie_embeddings_and_output_weights", untied);
  model.tied_embeddings = !untied;
  reader.read_word<model::PositionEmbedding>("position_embedding_type", kPositions,
                                             model.position_embedding);
}

void read_rotary(FieldReader& reader, model::RotaryConfig& rotary) {
  bool interleaved = false;
  reader.read_newer("rotary_percent", rotary.percent);
  reader.read_newer("rotary_base", rotary.base);
  reader.read_newer("rotary_interleaved", interleaved);
  reader.read_newer("rotary_seq_len_interpolation_factor", rotary.interpolation_factor);
  reader.read_newer("use_rope_scaling", rotary.llama3_scaling);
  reader.read_newer("rope_scaling_factor", rotary.llama3_scaling_factor);
  if (interleaved) rotary.pairs = kernels::RotaryPairs::neighbours;
}

void read_tokenizer(FieldReader& reader, ModelRecord& record) {
  reader.read("tokenizer_type", record.tokenizer.type);
  reader.read("vocab_file", record.tokenizer.vocab_file);
  reader.read("merge_file", record.tokenizer.merge_file);
  reader.read("null_vocab_size", record.tokenizer.vocab_size);
  reader.read("vocab_size", record.tokenizer_vocab_size);
}

}  // namespace

Json to_json(const ModelRecord& record) {
  const model::ModelConfig& model = record.model;
  Json json = {
      {"num_layers", model.num_layers},
      {"hidden_size", model.hidden_size},
      {"ffn_hidden_size", model.ffn_hidden_size},
      {"num_attention_heads", model.num_attention_heads},
      {"num_query_groups", model.query_groups()},
      {"kv_channels", model.kv_channels},
      {"padded_vocab_size", model.vocab_size},
      {"max_position_embeddings", model.max_position_embeddings},
      {"norm_epsilon", model.norm_epsilon},
      {"normalization", word_of<model::Normalization>(kNormalizations, model.normalization)},
      {"apply_layernorm_1p", model.layernorm_1p},
      {"qk_layernorm", model.qk_layernorm},
      {"activation", word_of<kernels::Activation>(kActivations, model.activation)},
      {"add_bias_linear", model.linear_bias},
      {"add_qkv_bias", model.qkv_bias},
      {"untie_embeddings_and_output_weights", !model.tied_embeddings},
      {"position_embedding_type",
       word_of<model::PositionEmbedding>(kPositions, model.position_embedding)},
      {"tokenizer_type", record.tokenizer.type},
      {"vocab_file", record.tokenizer.vocab_file},
      {"merge_file", record.tokenizer.merge_file},
      {"null_vocab_size", record.tokenizer.vocab_size},
      {"vocab_size", record.tokenizer_vocab_size}};
  if (model.position_embedding == model::PositionEmbedding::rope) add_rotary(json, model.rotary);
  return json;
}

ModelRecord record_from_json(const Json& json) {
  ModelRecord record;
  FieldReader reader(json);
  try {
    read_model(reader, record.model);
    read_rotary(reader, record.model.rotary);
    read_tokenizer(reader, record);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::checkpoint, "the checkpoint's {} cannot be read ({})", reader.field(),
         error.what());
  }
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
