#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::data {

/// What the training samples are made of. Field names are Megatron's flags (reference/megatron.md
/// 3).
struct DataConfig {
  std::vector<std::string> data_path;        ///< --data-path: PREFIX or [WEIGHT PREFIX]...
  std::vector<std::string> train_data_path;  ///< --train-data-path, instead of data_path and split
  std::vector<std::string> valid_data_path;  ///< --valid-data-path
  std::vector<std::string> test_data_path;   ///< --test-data-path
  std::string split;                         ///< --split; empty: 969, 30, 1 (mock data 1,1,1)
  std::string data_cache_path;               ///< --data-cache-path; empty: PREFIX/cache/...
  bool mock_data = false;                    ///< --mock-data
  int64_t seed = 1234;                       ///< --seed
  int64_t sequence_length = 0;               ///< --seq-length, tokens per sample
  bool reset_position_ids = false;           ///< --reset-position-ids
  bool eod_mask_loss = false;                ///< --eod-mask-loss
};

/// Samples wanted of each split; 0 builds none.
struct SplitSizes {
  int64_t train = 0;
  int64_t valid = 0;
  int64_t test = 0;
};

}  // namespace weft::data
