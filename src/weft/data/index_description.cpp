#include "weft/data/index_description.hpp"

#include <nlohmann/json.hpp>

namespace weft::data {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const SplitMatrix& matrix) {
  Json rows = Json::array();
  for (size_t i = 0; i < matrix.size(); ++i) {
    if (!matrix[i]) {
      rows.push_back(nullptr);
    } else if (i == 0) {
      rows.push_back({0, matrix[i]->end});  // Megatron's first bookend is the integer 0
    } else {
      rows.push_back({matrix[i]->begin, matrix[i]->end});
    }
  }
  return rows;
}

Json to_json(const tokenizer::TokenizerConfig& config) {
  if (config.type == "NullTokenizer") {
    return {{"class", "_NullTokenizer"},
            {"tokenizer_path", Json::array({nullptr})},
            {"vocab_size", std::to_string(config.vocab_size)}};
  }
  return {{"class", "_" + config.type},
          {"tokenizer_path", Json::array({config.vocab_file, config.merge_file})}};
}

}  // namespace

std::string index_description(const DataConfig& config, const tokenizer::TokenizerConfig& tokenizer,
                              const std::string& prefix, Split split,
                              std::optional<int64_t> num_samples, const std::string& split_text,
                              const std::optional<SplitMatrix>& matrix) {
  const Json description = {
      {"class", "GPTDataset"},
      {"dataset_path", prefix},
      {"num_samples", num_samples ? Json(*num_samples) : Json(nullptr)},
      {"index_split", name(split)},
      {"random_seed", config.seed},
      {"sequence_length", config.sequence_length},
      {"split", matrix ? Json(split_text) : Json(nullptr)},
      {"split_matrix", matrix ? to_json(*matrix) : Json(nullptr)},
      {"tokenizer", to_json(tokenizer)},
  };
  return description.dump(4, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace weft::data
