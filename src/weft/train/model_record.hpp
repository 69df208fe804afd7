#pragma once

#include <nlohmann/json.hpp>

#include "weft/model/model_config.hpp"
#include "weft/tokenizer/tokenizer.hpp"

namespace weft::train {

/// What a checkpoint says about its model: enough to build it and its tokenizer again.
struct ModelRecord {
  model::ModelConfig model;
  tokenizer::TokenizerConfig tokenizer;
  int64_t tokenizer_vocab_size = 0;  ///< without padding
};

/// The record as JSON, under Megatron's argument names.
nlohmann::ordered_json to_json(const ModelRecord& record);

/// Inverse of to_json. Throws Error{checkpoint} naming the field that is missing or of a wrong
/// type.
ModelRecord record_from_json(const nlohmann::ordered_json& json);

/// Throws Error{checkpoint} naming the first size in which a checkpoint's model differs from the
/// one that the flags describe.
void check_same_model(const ModelRecord& saved, const ModelRecord& wanted);

}  // namespace weft::train
