#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"
#include "weft/base/logger.hpp"
#include "weft/train/option_values.hpp"
#include "weft/train/pretrain.hpp"
#include "weft/train/train_config.hpp"

namespace weft::testing {

/// A small GPT on mock data that trains in well under a second.
inline train::TrainConfig small_run() {
  train::TrainConfig config;
  config.model.num_layers = 2;
  config.model.hidden_size = 32;
  config.model.ffn_hidden_size = 128;
  config.model.num_attention_heads = 4;
  config.model.kv_channels = 8;
  config.model.max_position_embeddings = 32;
  config.data.mock_data = true;
  config.data.split = "8,1,1";
  config.data.sequence_length = 32;
  config.tokenizer = {
      .type = "NullTokenizer", .vocab_file = "", .merge_file = "", .vocab_size = 4095};
  config.sequence_length = 32;
  config.micro_batch_size = 2;
  config.global_batch_size = 4;
  config.train_iters = 6;
  config.schedule.lr = 1e-2;
  config.schedule.lr_decay_samples = 24;
  config.schedule.weight_decay_incr_samples = 24;
  config.log_interval = 1;
  config.eval_interval = 3;
  config.eval_iters = 1;
  config.threads_per_rank = 1;
  return config;
}

/// The same run with everything that makes a Llama, and norms over heads.
inline train::TrainConfig small_llama_run() {
  train::TrainConfig config = small_run();
  config.model.num_query_groups = 2;
  config.model.normalization = model::Normalization::rms_norm;
  config.model.qk_layernorm = true;
  config.model.activation = kernels::Activation::swiglu;
  config.model.position_embedding = model::PositionEmbedding::rope;
  config.model.linear_bias = config.model.qkv_bias = false;
  config.model.tied_embeddings = false;
  return config;
}

/// What a run printed and recorded.
struct RunOutput {
  std::vector<std::string> lines;
  std::vector<nlohmann::json> metrics;  ///< iterations and evaluations in order

  /// Losses and gradient norms of the iterations from `first` on: what must be equal bit for bit.
  std::vector<double> numbers(int64_t first = 1) const {
    std::vector<double> all;
    for (const nlohmann::json& record : metrics) {
      if (record.at("iteration").get<int64_t>() < first) continue;
      all.push_back(record.at("lm_loss"));
      // A skipped iteration has no gradient norm.
      const nlohmann::json norm = record.value("grad_norm", nlohmann::json());
      if (norm.is_number()) all.push_back(norm);
    }
    return all;
  }

  bool printed(const std::string& part) const {
    for (const std::string& line : lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }
};

/// Runs weft::train::pretrain on `config`. Errors pass through.
inline RunOutput run_pretrain(train::TrainConfig config) {
  const TempDir dir;
  if (config.metrics_file.empty()) config.metrics_file = (dir / "metrics.jsonl").string();
  RecordingLogger logger;
  train::pretrain(config, train::ResolvedOptions{}, nullptr, logger);
  RunOutput output{.lines = logger.results, .metrics = {}};
  std::ifstream metrics(config.metrics_file);
  for (std::string line; std::getline(metrics, line);) {
    output.metrics.push_back(nlohmann::json::parse(line));
  }
  return output;
}

}  // namespace weft::testing
